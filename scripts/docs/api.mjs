// The API reference: TypeDoc over the public declarations, one Markdown page per module.

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const TYPEDOC = join(HERE, 'node_modules', 'typedoc', 'bin', 'typedoc');

/**
 * Builds the reference into a folder.
 *
 * @returns The output of TypeDoc, and whether there was no warning.
 */
export function buildApi(folder) {
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [TYPEDOC, '--options', join(HERE, 'typedoc.json'), '--out', folder],
    { cwd: HERE, encoding: 'utf8' },
  );
  if (error) throw error;
  return { isClean: status === 0, output: stdout + stderr };
}

/** The files below a folder, by their path in it. */
export function contentOf(folder) {
  const names = readdirSync(folder, { recursive: true }).map(String).filter((name) => name.endsWith('.md'));
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
