/* inflate.mjs - a stored object as players read it, by the decompressor that they use: node inflate.mjs FILE */
import fs from 'node:fs';
import { decompress } from 'fzstd';

process.stdout.write(decompress(new Uint8Array(fs.readFileSync(process.argv[2]))));
