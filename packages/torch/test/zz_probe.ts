import { readFileSync } from 'node:fs';
import { parityTable } from './parityTable.js';
const names = JSON.parse(readFileSync(new URL('fixtures/parity/names.json', import.meta.url), 'utf8'));
for (const { module, rows } of parityTable(names, { covered: {}, leftOut: [] })) {
  const missing = rows.filter((r) => r.ours === null).map((r) => r.python);
  console.log(module, `${rows.length - missing.length}/${rows.length}`, missing.join(' '));
}
