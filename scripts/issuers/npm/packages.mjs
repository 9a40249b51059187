// Which packages of npm do the servers written in JavaScript need, in which versions, and where are their programs?

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder with package.json and package-lock.json. */
export const lock = fileURLToPath(new URL('.', import.meta.url));

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url)));

export function versionOf(name) {
  return dependencies[name];
}

export function programOf(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}
