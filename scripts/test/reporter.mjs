// A reporter for node:test: one line of JSON per test and suite, with its file, outcome and time.

import { relative } from 'node:path';

export default async function* reporter(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { name, file, nesting, details, skip, todo } = data;
    const isSuite = details?.type === 'suite';
    const line = {
      name,
      file: file ? relative(process.cwd(), file) : name,
      // A suite is no test of its own, but it has failed by itself when one of its hooks has.
      outcome: isSuite ? undefined : outcomeOf(type, skip ?? todo),
      why: typeof skip === 'string' && skip ? skip : undefined,
      error: type === 'test:fail' && !isSuite ? errorOf(details) : undefined,
      // Times of tests are within those of their suites.
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
