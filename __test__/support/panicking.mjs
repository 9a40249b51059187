// What happens if any entry from JavaScript into Rust panics?
//
// Builds a copy of the package in which every N-API entry can panic once, at its start, by its name in PANIC_AT
// (`name`, or `name#2` for the second call). Only the copy has this code.

import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { platformName } = createRequire(import.meta.url)('../../npm/native/platform.js');

const LIBRARY = { darwin: 'libpanicking.dylib', win32: 'panicking.dll' };

const TRIP = `
pub fn trip(entry: &str) {
    static DONE: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());
    let wanted = std::env::var("PANIC_AT").unwrap_or_default();
    if wanted.split('#').next() == Some(entry) && *DONE.lock().unwrap() != wanted {
        *DONE.lock().unwrap() = wanted;
        std::panic::panic_any(format!("on purpose, at {entry}"));
    }
}
`;

/**
 * A `fn` that napi exports, up to its opening brace; a closure that JavaScript receives; and the two halves of a task
 * on the thread pool.
 */
const EXPORTED = /#\[napi(?:\(((?:[^()"]|"[^"]*")*)\))?\]\s+pub fn (\w+)[^{;]*\{/g;
const CLOSURE = /create_function_from_closure::<[^"]*"(\w+)", move \|context\| \{/g;
const TASK = /std::panic::AssertUnwindSafe\(\|\| \{/g;

/** Returns `{ entries, unguarded, folder }`: the names, those without `catch_unwind`, and the folder of the copy. */
export function buildPanickingCopy() {
  const folder = join(root, 'target', 'panicking');
  rmSync(folder, { recursive: true, force: true });
  const from = (...names) => names.forEach((name) => cpSync(join(root, name), join(folder, name), { recursive: true }));
  from('Cargo.toml', 'Cargo.lock', 'build.rs', 'src', 'benches', 'package.json');

  // Its own library name, so that the package's library in the same folder is not replaced.
  for (const name of ['Cargo.toml', 'Cargo.lock']) {
    const text = readFileSync(join(folder, name), 'utf8');
    writeFileSync(join(folder, name), text.replace('name = "monocloud-backend-node"', 'name = "panicking"'));
  }

  const entries = [];
  const unguarded = [];
  const addon = join(folder, 'src', 'addon');
  for (const file of readdirSync(addon)) {
    const path = join(addon, file);
    const module = file.replace('.rs', '');
    const set = (whole, name) => {
      entries.push(name);
      return `${whole} super::trip("${name}");`;
    };
    const source = readFileSync(path, 'utf8')
      .replace(EXPORTED, (whole, attributes, name) => {
        if (!/\bcatch_unwind\b/.test(attributes)) unguarded.push(`${module}.${name}`);
        return set(whole, `${module}.${name}`);
      })
      .replace(CLOSURE, (whole, name) => set(whole, `${module}.${name}()`))
      .replace(TASK, (whole) => set(whole, `${module}.task`));
    writeFileSync(path, file === 'mod.rs' ? source + TRIP : source);
  }

  // The same profile and target folder, so that compiled dependencies are reused.
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  const { status, stderr } = spawnSync('cargo', ['build', '--lib', '--release', '--locked'], {
    cwd: folder,
    env: { ...process.env, CARGO_TARGET_DIR: target },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  cpSync(join(root, 'npm'), join(folder, 'npm'), { recursive: true, filter: (path) => !path.endsWith('.node') });
  const built = join(target, 'release', LIBRARY[process.platform] ?? 'libpanicking.so');
  copyFileSync(built, join(folder, 'npm', `monocloud-backend-node.${platformName()}.node`));
  return { entries: entries.sort(), unguarded, folder };
}
