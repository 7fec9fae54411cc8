// Validates glTF files with the Khronos validator and prints its reports as one JSON object, path -> report.
// Usage: node validate_glb.mjs FILE...
import { readFile } from "node:fs/promises";
import validator from "gltf-validator";

const reports = {};
for (const path of process.argv.slice(2)) {
  reports[path] = await validator.validateBytes(new Uint8Array(await readFile(path)), { uri: path, maxIssues: 100 });
}
process.stdout.write(JSON.stringify(reports));
