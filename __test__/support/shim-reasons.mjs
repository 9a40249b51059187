// Which reasons do errors have that JavaScript creates without the engine?

import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';

import { ROOT, all, read, unique } from './documents.mjs';

const { FAILURES } = createRequire(import.meta.url)('../../npm/errors/errors.js');

const sources = readdirSync(`${ROOT}npm`, { recursive: true })
  .map((name) => `npm/${String(name).replaceAll('\\', '/')}`)
  .filter((name) => name.endsWith('.js') && !name.startsWith('npm/doctor/'))
  .map(read);

export const shimWords = unique(
  sources
    .flatMap((source) => [
      ...all(source, /Error\([^;]*?,\s*'(\w+)',?\s*\)/g),
      ...all(source, /'((?:[a-z]+_)+(?:invalid|expired))'/g),
    ])
    .filter((word) => FAILURES[word] === undefined),
);
