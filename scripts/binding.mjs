// `node scripts/binding.mjs`: writes npm/native/binding.d.ts, the types of the native add-on.
// `-- --check` writes nothing and exits with 1 if the file is not current.
//
// napi-derive knows the JavaScript type of everything that Rust exports. While the add-on is compiled, it writes the
// types into a folder, one JSON object per line. `scripts/build.mjs` names the folder. This script turns the lines of the
// last build into one file. __test__/package/binding.test.mjs says when the file is stale.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
export const BINDING = 'npm/native/binding.d.ts';
const VALUES = 'npm/native/values.d.ts';
/** The name of the crate, which is the name of the file that napi-derive writes. */
const CRATE = 'monocloud-backend-node';
/** napi-derive reads this variable. */
const VARIABLE = 'NAPI_TYPE_DEF_TMP_FOLDER';
const PROFILES = ['release', 'debug'];

const HEADER = `/**
 * The native add-on. Written by scripts/binding.mjs from the signatures and comments in \`src/addon\`.
 *
 * It is for the type check of this package only and is not published.
 */
`;

async function main() {
  const text = await bindingOfLastBuild();
  if (text === currentBinding()) {
    console.log(`${BINDING} is current.`);
  } else if (text === undefined || process.argv.includes('--check')) {
    const what = text === undefined ? 'build' : 'binding';
    console.error(`${BINDING} is not current: run node scripts/${what}.mjs`);
    process.exitCode = 1;
  } else {
    writeFileSync(join(root, BINDING), text);
    console.log(`wrote ${BINDING}`);
  }
}

/** The environment of the compiler, in which it writes the types. Cargo creates no folder, so it is created here. */
export function typesEnvironment(profile) {
  const folder = folderOf(profile);
  mkdirSync(folder, { recursive: true });
  return { [VARIABLE]: folder };
}

/** The file in the repository. `undefined` if there is none. */
export function currentBinding() {
  return existsSync(join(root, BINDING)) ? readFileSync(join(root, BINDING), 'utf8') : undefined;
}

/** The file that belongs to the last build. `undefined` without one. */
export async function bindingOfLastBuild() {
  const built = PROFILES.map((profile) => join(folderOf(profile), CRATE)).filter((path) => existsSync(path));
  if (built.length === 0) return undefined;
  const [last] = built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const text = bindingOf(readFileSync(last, 'utf8'), readFileSync(join(root, VALUES), 'utf8'));
  const prettier = await import('prettier');
  return prettier.format(text, { ...(await prettier.resolveConfig(join(root, BINDING))), parser: 'typescript' });
}

function folderOf(profile) {
  return join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), profile, 'binding');
}

/**
 * Returns the declarations.
 *
 * @param lines What napi-derive wrote.
 * @param values The declaration file of the types that the signatures name.
 */
export function bindingOf(lines, values) {
  const items = lines.split('\n').filter(Boolean).map(JSON.parse);
  const declared = items.filter(({ kind }) => kind !== 'impl').sort((a, b) => (a.name < b.name ? -1 : 1));
  const text = declared.map((item) => item.js_doc + DECLARATIONS[item.kind](item, items)).join('\n\n');
  const body = inJavaScript(text, items);
  const code = body.replace(/\/\*\*[\s\S]*?\*\//g, '');
  const imported = exportedIn(values).filter((name) => new RegExp(`\\b${name}\\b`).test(code));
  return `${HEADER}import type { ${imported.sort().join(', ')} } from './values.js';\n\n${body}\n`;
}

/** How an item of each kind is declared. */
const DECLARATIONS = {
  fn: ({ def }) => `export declare ${def};`,
  interface: ({ name, def }) => `export interface ${name} { ${membersOf(def)} }`,
  struct: ({ name }, items) => `export declare class ${name} { ${classMembers(name, items)} }`,
  type: ({ name, def }) => `export type ${name} = ${def};`,
};

/** The members of all `impl` blocks. If Rust gives a class no constructor, JavaScript cannot create an object of it. */
function classMembers(name, items) {
  const blocks = items.filter((item) => item.kind === 'impl' && item.name === name).map(({ def }) => membersOf(def));
  const members = blocks.join('\n');
  return /^\s*constructor\(/m.test(members) ? members : `private constructor();\n${members}`;
}

/** The members of a block, each on one line after its comment, without the semicolons that TypeScript needs. */
function membersOf(def) {
  const isComment = (line) => /^(?:\/\*\*| \*)/.test(line);
  const lines = def.split('\n').filter((line) => line.trim() !== '');
  return `\n${lines.map((line) => (isComment(line) ? line : `${line};`)).join('\n')}\n`;
}

/** Rust's names as JavaScript has them. napi-derive names a class in Rust until it has read its declaration. */
function inJavaScript(text, items) {
  const renamed = items.filter(({ name, original_name: rust }) => rust && rust !== name);
  const named = renamed.reduce((all, { name, original_name: rust }) => all.replaceAll(rust, name), text);
  return named.replaceAll('`None`', '`null`');
}

function exportedIn(declarations) {
  const declared = [...declarations.matchAll(/^export (?:type|interface) (\w+)/gm)].map(([, name]) => name);
  const lists = [...declarations.matchAll(/^export type \{([^}]*)\}/gm)].map(([, names]) => names);
  return [...declared, ...lists.flatMap((names) => names.match(/\w+/g))];
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
