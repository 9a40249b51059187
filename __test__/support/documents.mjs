// Which documents are there, and how does a test read one?

import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** @param path Relative to the repository's root. */
export function read(path) {
  return readFileSync(new URL(path, new URL('../../', import.meta.url)), 'utf8');
}

/** The pages of docs/, without the generated API reference. */
export const DOCS = readdirSync(`${ROOT}docs`)
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);

export const EXAMPLES = readdirSync(`${ROOT}examples`, { recursive: true })
  .map((name) => `examples/${String(name).replaceAll('\\', '/')}`)
  .filter((name) => name.endsWith('README.md') && !name.includes('node_modules'));

/** Documents for users of the package. */
export const FOR_USERS = ['README.md', ...DOCS, ...EXAMPLES];

/** Documents for users and contributors. */
export const DOCUMENTS = [...FOR_USERS, 'CHANGELOG.md', 'CONTRIBUTING.md', 'DESIGN.md', 'SECURITY.md'];

/** The code blocks of a document: `{ language, text }`. */
export function blocksOf(text) {
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, text: code }));
}

/** A document without its code. */
export function proseOf(text) {
  return text
    .replaceAll(/^```.*?^```$/gms, '')
    .replaceAll(/`[^`\n]*`/g, '``')
    .replaceAll(/\]\([^)]*\)/g, ']');
}

/** The anchors of a document: explicit ones, and those that GitHub generates. A repeated heading gets a number. */
export function anchorsOf(text) {
  const seen = new Map();
  const own = all(text, /<a id="([^"]+)">/g);
  const made = all(text.replaceAll(/^```.*?^```$/gms, ''), /^#+ (.+)$/gm).map((heading) => {
    const plain = heading
      .replaceAll(/\]\([^)]*\)/g, ']')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '');
    const anchor = plain.trim().replaceAll(' ', '-');
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
  return [...own, ...made];
}

/** The first group of every match. */
export function all(text, pattern) {
  return [...text.matchAll(pattern)].map(([, group]) => group);
}

export function unique(items) {
  return [...new Set(items)].sort();
}
