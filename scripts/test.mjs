// `npm test`: installs, builds and checks everything. `npm test -- js` or `-- rust` runs one half.

import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

import { build, install, root, run } from './setup.mjs';

const only = process.argv[2];

install();
if (only !== 'js') rust();
if (only !== 'rust') javascript();

function rust() {
  run('cargo', ['fmt', '--check']);
  run('cargo', ['clippy', '--locked', '--lib', '--', '-D', 'warnings']);
  run('cargo', ['clippy', '--locked', '--all-targets', '--no-default-features', '--', '-D', 'warnings']);
  // Without default features: the engine must build and pass without Node.
  run('cargo', ['test', '--locked', '--no-default-features']);
}

function javascript() {
  build();
  run(process.execPath, ['node_modules/oxlint/bin/oxlint', '--deny-warnings']);
  run(process.execPath, ['--test', '--test-concurrency=2', ...testFiles(join(root, '__test__'))]);
}

function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return testFiles(path);
      return entry.name.endsWith('.test.mjs') ? [relative(root, path)] : [];
    })
    .sort();
}
