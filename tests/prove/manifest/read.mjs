// Reads and validates the manifests of files with c2pa-ts, one JSON line each. It reads PNG and JPEG.
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';

const [modules, ...files] = process.argv.slice(2);
const load = (part) => import(pathToFileURL(`${modules}/@trustnxt/c2pa-ts/dist/${part}/index.js`));
const { PNG, JPEG } = await load('asset');
const { SuperBox } = await load('jumbf');
const { ManifestStore } = await load('manifest');

for (const file of files) {
    const bytes = new Uint8Array(fs.readFileSync(file));
    let told;
    try {
        const kind = (await PNG.canRead(bytes)) ? PNG : JPEG;
        const asset = kind.create ? await kind.create(bytes) : new kind(bytes);
        const store = ManifestStore.read(SuperBox.fromBuffer(await asset.getManifestJUMBF()));
        const active = store.getActiveManifest();
        const result = await store.validate(asset);
        told = {
            valid: result.isValid,
            codes: result.statusEntries.filter((one) => !one.success).map((one) => one.code),
            label: active.label,
            manifests: store.manifests.map((one) => one.label),
            assertions: active.assertions.assertions.map((one) => one.label),
        };
    } catch (error) {
        told = { valid: false, codes: [String(error)] };
    }
    console.log(JSON.stringify(told));
}
