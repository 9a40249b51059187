/** The workflows: every action is pinned to a reviewed commit, and their lists match the repository. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WORKFLOWS = join(ROOT, '.github', 'workflows');

const read = (...path) => readFileSync(join(ROOT, ...path), 'utf8');
const workflows = readdirSync(WORKFLOWS).map((name) => ({ name, text: read('.github', 'workflows', name) }));

describe('the workflows', () => {
  const used = workflows.flatMap(({ name, text }) =>
    [...text.matchAll(/\buses: *(.+)$/gm)].map(([, what]) => ({ name, what })),
  );

  it('use actions of other repositories by commit, with the version as a comment', () => {
    const others = used.filter(({ what }) => !what.startsWith('./'));
    assert.ok(others.length > 10, `${others.length} uses`);
    const loose = others.filter(({ what }) => !/^[\w-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(what));
    assert.deepEqual(loose, []);
  });

  it('use one commit per action', () => {
    const commits = new Map();
    for (const { what } of used) {
      const [, action, commit] = /^([\w-]+\/[\w-]+)[\w./-]*@(\S+)/.exec(what) ?? [];
      if (action) commits.set(action, (commits.get(action) ?? new Set()).add(commit));
    }
    assert.deepEqual(
      [...commits].filter(([, { size }]) => size > 1),
      [],
    );
  });

  it('may only read the repository, unless one job needs more', () => {
    for (const { name, text } of workflows) assert.match(text, /^permissions:\n {2}contents: read\n/m, name);
  });

  it('fuzz every target there is', () => {
    const [, list] = /target: \[([^\]]+)\]/.exec(read('.github', 'workflows', 'weekly.yml'));
    assert.deepEqual(list.split(', ').sort(), readdirSync(join(ROOT, 'fuzz', 'corpus')).sort());
  });

  it('build with the oldest Rust that Cargo.toml promises', () => {
    const [, oldest] = /^rust-version = "(.+)"$/m.exec(read('Cargo.toml'));
    assert.ok(read('.github', 'workflows', 'ci.yml').includes(`RUSTUP_TOOLCHAIN: '${oldest}'`));
  });

  it('test the oldest Node that package.json promises', () => {
    const [, oldest] = /^>=(\d+)$/.exec(JSON.parse(read('package.json')).engines.node);
    assert.match(read('.github', 'workflows', 'ci.yml'), new RegExp(`node: \\[${oldest}, `));
  });
});
