// `npm run fuzz -- TARGET SECONDS`: runs libFuzzer on one target, or on all in turn. Starts with the seeds of
// fuzz/corpus, stores new inputs in fuzz/found (not committed) and failures in fuzz/artifacts.
//
// cargo-fuzz needs a nightly compiler. RUSTC_BOOTSTRAP enables unstable features in the stable one. Without
// cargo-fuzz (`cargo install cargo-fuzz`), mutations of the corpus, as in tests/fuzz_corpus.rs, run with new seeds
// until the time is over.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { root } from './setup.mjs';

const DEFAULT_SECONDS = 60;
/** The maximum length of a token, and some more. */
const MAX_OCTETS = 20_000;

const targets = readdirSync(join(root, 'fuzz', 'corpus'));
const [target = '', seconds = String(DEFAULT_SECONDS)] = process.argv.slice(2);
if ((target !== 'all' && !targets.includes(target)) || !(Number(seconds) > 0)) {
  console.error(`usage: npm run fuzz -- TARGET [SECONDS]\ntargets: all ${targets.join(' ')}`);
  process.exit(2);
}

const fuzz = succeeds('cargo', ['fuzz', '--version']) ? withLibFuzzer : withMutations;
for (const name of target === 'all' ? targets : [target]) fuzz(name, Number(seconds));

function withLibFuzzer(name, duration) {
  const folder = join(root, 'fuzz');
  const found = join(folder, 'found', name);
  mkdirSync(found, { recursive: true });
  console.log(`libFuzzer with AddressSanitizer on ${name} for ${duration} s`);
  must(
    'cargo',
    [
      'fuzz',
      'run',
      '--fuzz-dir',
      folder,
      name,
      found,
      join(folder, 'corpus', name),
      '--',
      `-max_total_time=${duration}`,
      `-max_len=${MAX_OCTETS}`,
      '-timeout=10',
      '-rss_limit_mb=2048',
      '-print_final_stats=1',
    ],
    { RUSTC_BOOTSTRAP: '1' },
  );
}

function withMutations(name, duration) {
  console.log(`no cargo-fuzz: mutations of ${name}'s corpus for ${duration} s`);
  const end = Date.now() + duration * 1000;
  for (let seed = Date.now() % 1_000_000; Date.now() < end; seed += 1) {
    const exact = ['--', '--exact', name];
    const test = ['test', '--release', '--quiet', '--no-default-features', '--test', 'fuzz_corpus', ...exact];
    must('cargo', test, { FUZZ_SEED: String(seed) });
  }
}

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function must(command, args, env) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) process.exit(status ?? 1);
}
