// A reporter for node:test: one line of JSON per test and suite, with its file, result and time.

import { relative } from 'node:path';

export default async function* reporter(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { name, file, nesting, details, skip, todo } = data;
    const isSuite = details?.type === 'suite';
    const line = {
      name,
      file: file ? relative(process.cwd(), file) : name,
      // A suite is not a test, but it fails itself if one of its hooks fails.
      outcome: isSuite ? undefined : outcomeOf(type, skip ?? todo),
      why: typeof skip === 'string' && skip ? skip : undefined,
      error: type === 'test:fail' && !isSuite ? errorOf(details) : undefined,
      // The time of a suite includes its tests.
      ms: nesting === 0 ? (details?.duration_ms ?? 0) : 0,
    };
    yield `${JSON.stringify(line)}\n`;
  }
}

function outcomeOf(type, skip) {
  if (skip !== undefined && skip !== false) return 'skipped';
  return type === 'test:pass' ? 'passed' : 'failed';
}

function errorOf({ error }) {
  const cause = error?.cause ?? error;
  return String(cause?.stack ?? cause?.message ?? cause).slice(0, 4000);
}
