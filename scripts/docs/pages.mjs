// Puts the generated tables between their markers: `<!-- table: NAME -->` and `<!-- end of table -->`.

import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { TABLES } from './tables.mjs';

const FOLDER = new URL('../../docs/', import.meta.url);
const MARKED = /(<!-- table: (\w+) -->\n)(.*?)(<!-- end of table -->)/gs;

/** Every page with a table: its path, its text now, and its text with current tables. */
export function pages() {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.md'))
    .map((name) => {
      const path = fileURLToPath(new URL(name, FOLDER));
      const text = readFileSync(path, 'utf8');
      return { path, text, current: withTables(text) };
    });
}

function withTables(text) {
  return text.replace(MARKED, (_, start, name, old, end) => `${start}\n${TABLES[name]()}\n\n${end}`);
}
