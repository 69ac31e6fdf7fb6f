"""Photographs of the package `tabler-ui` (MIT) by what they show, for `eval_people.py` alone.

Sorted by one author by eye, from the unedited files and before anything was measured on them.
"""

from __future__ import annotations

from packages import from_npm

PACKAGE, VERSION = "tabler-ui", "0.0.34"

NOBODY = {
    "adrian-infernus-281832": "ab0677a2f7d24c83cba1d561f950142f34ba06b35366599394a9885f5e9b11be",
    "ales-krivec-107499": "b72fbb17e37b49aa8f6f5de9747f5383974e2d62018230129f1eb928e72416ec",
    "alex-bertha-316137": "3a8cfb0b7c5dee1def71123c5757d2b5a11a561d1b4cc035fde8456f87bc0178",
    "anders-jilden-307322": "c63dfb4d5a2c56cd7a84bfb9a87796a6ce1f4d9e572272787a3fc0df97f5ab90",
    "andrew-neel-141710": "36d2da1e0a9298fc5fc3166a00cc55d625b7176e5f38734ef6bbe0edd3ebef97",
    "artem-sapegin-229391": "a945be5040b7e35172a98b6ec97f10e584122c14b6f6b3900e13d1fa0d29f6c0",
    "bobby-burch-145906": "f705303b5e57ee3379230d949f81dff775e3cf96c3300c4baa697fa1b62c7c8c",
    "casey-horner-339165": "6e747eea311185149ec5f0ab57b51f561023e494548552eb215556d83e4bf4ef",
    "christian-joudrey-96208": "377e0d7f95e26001bbf986821931bf0b9e8e5b1967d323f98632091c16f423c8",
    "christoph-bengtsson-lissalde-80291": "99c2c938ea6a111b0686dadc48e8e8d28274deb67d9fb32cc384425683ac82d0",
    "cristina-gottardi-259243": "991b5624e343bfa9a7f14ffc5876ccdb62666231ca3ccb92095524e249de1c8c",
    "david-klaasen-54203": "969dba2e82e22db2648d74c45a7e15da9284378de4b61994219cab169f08f5be",
    "eberhard-grossgasteiger-311213": "dd36d42c4b34df97a587cb0db48784783b8a05a8781c394648c5a5621ec06968",
    "geran-de-klerk-290418": "235dbb7b1236c497f85903108b072445c384c217deb92825cbbc11196a3a5c01",
    "grant-ritchie-338179": "a9987514dec3d6069a7c452e4b9dbaa11cf3bcc5fd8dc934c87743ca298cd9de",
    "ilnur-kalimullin-218996": "f008f0bb874c9426ef17f605330549273161108b53dd6fef90fdb52ea9f4afbc",
    "jeremy-bishop-330225": "8a15a70937e1a02777a9ed3b61704d99dda76f8c74de33625ca0ab5266d98f0c",
    "jonatan-pie-226191": "3664e56cd3efa5ead75aa118813c1db0aa97b2d53db6ea2baec51da7f7421dd2",
    "josh-calabrese-66153": "327fa43d4068ed2fffe05d405ceab081fa3ae8999abd3b553ad69da6beaa435e",
    "matt-barrett-339981": "c50dda90a24eb9a6e89bab1fe4263c6ed1eb2ba06f125e4e52d517b0554f714d",
    "nathan-anderson-297460": "4539e5c5b2336077ad2fad0e26e4573dc5f3eb21d9bcff7150b771cf584a3a34",
    "nathan-anderson-316188": "0a91be8467afcddd9a38daab2371ca724909bdef02cec51f8e602b3cfc15e085",
    "oskar-vertetics-53043": "77153be84170c71d97ba13cb4975c18bff96f5d9461cfb07a0a1cc4ad9c24d3e",
    "priscilla-du-preez-181896": "3d3ef28efa3cd28aabd1b09f629f3f524fa7845277a99df568ba5973363cff34",
    "ricardo-gomez-angel-262359": "9e88295abe7bd3dd2644e08f3e7f19a80ed21f28609dcfc2f85690473d9c5a7b",
    "sam-ferrara-136526": "e4274ea0cb10df6d730510eee31a9e9347292ae9d136158d9d0df00cb173dfd3",
    "sean-afnan-244576": "dc53907b11e58103bca4a46681709142d976d8ff27a1985b8b8bcd4ce9a7ec67",
    "stefan-kunze-26932": "ba2204fc67d6580eb9f21359b3be3bb4a1031d49cafc3e20e03d41ab0c98519a",
    "stefan-stefancik-105376": "531fa544f17580bae904086f7513356f09349b643cc775ddb27d09792cae7b46",
    "sweet-ice-cream-photography-143023": "41ff4a5f1ad09214c1f3935f7b452531460af3d12d9c3aa93e5529b8b03e3312",
    "tatyana-dobreva-288463": "ad3237c03b4855dce88573d50b689a3da995abaadf7d6eee5259aa5218341e90",
    "teddy-kelley-109202": "103cdf10789bd71e6d378f9f7eeb50f6bcb52777c768f1e206d70348b31cb799",
    "tom-barrett-318952": "06edd5fd05949978dc0ddf60e9ddb5ddad09666f97a51a70bbc25fab197d96a4",
    "vladimir-kudinov-12761": "2e6a3db4efaf88282d8a94fb6fd39e2c58d8d1bb95847498a3388016fe64ce14",
    "web-agency-29200": "0002be7572ec3ee2e36c6bb7c3a029e1e90b27b1ac4cdb051434f1fec1d45dd2",
    "wil-stewart-18242": "7b0cf6b136485a1b9bd8503f4e7f2ddccc6093b78b9dedae42ea2955bee9f11d",
}
"""Landscapes, animals, buildings and things, without anybody."""

BACKS = {
    "aneta-ivanova-776": "beb6e797137f56e74040dd62b6c4f651bf45611b4a5d5f62a4713660e56051ae",
    "anthony-intraversato-257182": "9c506dba7f476c838747687a59fc52e4d27641f2eb7a02e5335c29a573e460e0",
    "joshua-earle-157231": "6bcccd81f5fe10d32989644291aedcc5b8347ff393212fd70c5b244ee3ec185a",
    "mahkeo-222765": "2cfb3bc760db008011be20800997348c3f5d10f863f1eacaaa8f27b679e49faf",
    "nathan-dumlao-287713": "ddd25c52169c4f272be804b7ba69284f6d47591c1a399bf14606a043e8cecc71",
    "tim-bogdanov-97988": "52f0899a64aa2ae7d0c194fae0dd28840fb8ce9d0bf66aa443f9dbd14508fa87",
    "tim-marshall-173957": "86909e4f157f2ff3202ac11dd280f6d83581be97ad815cded96d2b38674f97a4",
}
"""People from behind or as silhouettes, at least about a seventh of the long side high."""

SMALL = {
    "clarisse-meyer-122804": "232a8b922b216eabf2badd95ab9819c71a4ddc1ca0a9d878259fd5c447eb2ea4",
    "david-marcu-114194": "2382f355f75834b3a4e26b5695b3cd64e12dd579ce9dc6b8271d6b2c3ccaf907",
    "davide-cantelli-139887": "756017d21f6327d62a027562bd77b05ad5111310ffa42ef2eff6749a55cf1dc8",
    "dino-reichmuth-84359": "bb41994d6bd5ccca3e4b8a3532bde376e6a59cfe560df71866ffc5f378371893",
    "sophie-higginbottom-133982": "0cabe297158d2bb32eac790864d1f5581f079c64ce442004f5b0fe71ceb3a2fd",
}
"""People who are smaller than that."""

ADULTS = {
    "female/3": "86e1bd591516b78418106aedf9b3eb43d87f23a28490ecb3fda8b54176b4a095",
    "female/4": "df27e4f7ab7ab5e4101a82977ca2f4e2454974ade3034b6daba18398721bc128",
    "female/6": "ec7c0be608577b6cc9f50b62ab570bb0514ef6aafd2578f6fd0f122e24fabd3c",
    "female/7": "4464d7f9dd66ad3f65b12dc9fae04b7d88dba4b6f821d2b69e1c6cfbcfc79430",
    "female/9": "755f94a85eaa4b25f7b680e1847be337246438bd845f1c0e131d073bb9008f6a",
    "female/12": "66100aaccc1b12c5fce88af6bcd764073b43e7ca7e91535ad34baea798f85446",
    "female/13": "4df3a38ff0d0e0c0cbea528e4c1c64d669a893aa6d4fae1e89e0f9bb3a607de5",
    "female/14": "514893af340fda6229ee5a8a90e18d9b46658c3f904be2bb01d5b017f35fe1e2",
    "female/17": "18574cf1ffaa9f59cc0b84f84211787289ce5803fac38fd24168ef68a33e2555",
    "female/21": "9d44c7e021456cf5226750d6bc50881d0aeb04f1eaa8b65aba11ad75ad298467",
    "female/24": "2821aefb14e28200353b0459429a1f215ee8302fdd915452042c40f706223b9b",
    "female/26": "c684bebe2c52e581a04073c4ac4c5370f2a442b4eecd3fb9029bc7e1efec300d",
    "female/28": "aaea2603f10aa84dd12f012c2e1d8689d081572ec8852783775cbcb659f9ebf4",
    "female/32": "9314158169a526e5d82d792541c83180fa0b6d04108adb7d6beaf2cc03847c65",
    "male/1": "045673ea371b89ea0b83a114720b4f7a5bff30421e8654a3a33fb696ce6aa91f",
    "male/2": "2ca5bfaad815f86e3708971fb6f4acacada388595b460bc0efe75e6baa8a8991",
    "male/3": "d308c6075262c49310f0b45a8e64ac9b56596f13d7fc1b1c620af9466b3c7e80",
    "male/5": "006252ba27677f8cb620524557048dd0595df8554a8bf1ea19826c62b97117cb",
    "male/6": "f9a76117042a131d57d561791ccfee743c4440c3beae534d124b5e079327b8d0",
    "male/7": "407f164a6cbb524cc97dd3b00b74272cd835b50a117011e82a726ceed0bfb833",
    "male/8": "794e36b946325d7b25d38b79bce1eb2c6fcc8f6bfffb4dded0afa409e624c988",
    "male/9": "475d755abaf2c5b41dd0ce0a7fcbf90af9caa88752e588d7d1f1b08b24f9018e",
    "male/10": "20294458f113878646564894023ee91975a021f9e79273f611e009f285aee031",
    "male/12": "77e9eb4d254dce5e22372c2c088cc5cdb6cd3cb64c4ea327ecccc7f065131040",
    "male/13": "96f24209339922847667a280a8fd114bc4f7ed85ab751003772b702168974a0a",
    "male/14": "29c3add4989984b547386442c8cb84b630014915326db2612feeef2258d903a7",
    "male/17": "9709fbd5475d9f07d385da8d7a2a850288faf1a1bfaae82b4b8a97de108b0cff",
    "male/20": "059daf1b24f3df94df5aaa2a85952a3fd0aa4a3b5c1a3d95d233a0fbba6788a9",
    "male/25": "8c9f2c90ee27aebda068656a120eaef710f488db586e24df83f87a121b207c1c",
    "male/26": "1f918de360c0bace0bfb33f1af7c2cc02bd469edc12538c0fe63ce82c199060a",
    "male/27": "88e5da77c47625104858d7a91f3c6ee9d81c29a4c4dcb3458d3136a353331524",
    "male/29": "df1125aa5887895adf88c6556e270d787749a62bdbae307c3ebc479b11f19f55",
    "male/30": "4a7e7387d92ba9eb6f45d83ab0448ca8006a487c4bee4e03cb32c62acb0d59e0",
    "male/31": "9978164547367124fd158ea321bd9eb09708d239d257dd7f29e459e260a1ebdd",
    "male/33": "da8d0e629482d71d3a64811ee3dfd259442c790fbfd6111fa57842794a352bf5",
    "male/35": "1e40378f16b45b8b550dccc1771770edd33a2b9efe37a9d04caf0cc63633627d",
    "male/37": "d09950bddc3dbecfe068c82a65e4185eb0e16dd57bb82eb65aa51e3fed7f5e47",
    "male/39": "0ac1852801b1722575ef593304c0e73c46211dfd0300c0a3a98d735f77869848",
    "male/40": "9005ad5396d757e86801553a079769a22fdc231f0202f7fba5be249449b60fb0",
    "male/41": "d74ea478d12d8a682547e32ac7b5efa7d6eeeb71272e24658c34360039eecb53",
    "male/42": "e6a77580daaa37a4ac482bf7e4fe320fd6ab497d454981bfcee51c9c0ac7478b",
    "male/43": "55bfb71613993765a86ef5c5ac7354e11e0ec29fcfbf44bac2827ce3487d5e49",
}
"""One face each, evidently an adult by eye; no network had a say in the choice."""


def fetch(members: dict[str, str]) -> dict[str, bytes]:
    """Some of these files by path, through the ordinary client; nothing is kept on disk."""
    paths = {f"dist/demo/{place(name)}.jpg": digest for name, digest in members.items()}
    return from_npm(PACKAGE, VERSION, paths)


def place(name: str) -> str:
    return f"faces/{name}" if "/" in name else f"photos/{name}-1500"
