// Which packages of PyPI do the servers written in Python need, in which versions, and where are their programs?

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The lines of requirements.txt, without comments. */
export const packages = readFileSync(new URL('requirements.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

export function versionOf(name) {
  return packages.find((line) => line.startsWith(`${name}==`))?.split('==')[1];
}

export function programOf(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}
