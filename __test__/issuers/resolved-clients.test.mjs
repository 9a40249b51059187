// Which client that `resolve` returned gives way when there are too many?

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

const { ResolvedClients } = createRequire(import.meta.url)('../../npm/client/resolved-clients.js');

const entry = (key) => ({ key, wasUsed: false, isRemoved: false });
const keysOf = (list) => list.values.map(({ key }) => key).sort();

/** A list of at most three with these entries, of which some accepted a token. */
function listOf(names, accepted = '') {
  const list = new ResolvedClients(3);
  const entries = Object.fromEntries([...names].map((name) => [name, entry(name)]));
  for (const name of names) list.add(entries[name]);
  for (const name of accepted) use(list, entries[name]);
  return { list, entries };
}

function use(list, used) {
  if (used.wasUsed) return;
  used.wasUsed = true;
  list.prove(used);
}

describe('of a full list', () => {
  test('the oldest client that never accepted a token gives way first', () => {
    const { list } = listOf('abc', 'a');
    list.add(entry('d'));
    assert.deepEqual(keysOf(list), ['a', 'c', 'd']);
    list.add(entry('e'));
    assert.deepEqual(keysOf(list), ['a', 'd', 'e']);
  });

  test('one that accepted a token gives way only if all did', () => {
    const { list, entries } = listOf('abc', 'abc');
    list.add(entry('d'));
    assert.deepEqual(keysOf(list), ['b', 'c', 'd']);
    // The others were looked at. What is not used again gives way next.
    use(list, entries.b);
    const d = list.get('d');
    use(list, d);
    list.add(entry('e'));
    assert.deepEqual(keysOf(list), ['b', 'd', 'e']);
  });

  test('a client that accepts a token after it gave way returns', () => {
    const { list, entries } = listOf('abc', 'bc');
    list.add(entry('d'));
    assert.deepEqual(keysOf(list), ['b', 'c', 'd']);
    use(list, entries.a);
    assert.deepEqual(keysOf(list), ['a', 'b', 'c']);
  });
});

describe('an issuer that is not ours any more', () => {
  test('does not return when its client accepts a token', () => {
    const { list, entries } = listOf('ab');
    list.remove(entries.a);
    use(list, entries.a);
    assert.deepEqual(keysOf(list), ['b']);
  });

  test('that was asked about again is another client, and the first one does not return', () => {
    const { list, entries } = listOf('ab', 'a');
    const other = entry('a');
    list.add(other);
    assert.equal(list.get('a'), other);
    entries.a.wasUsed = false;
    use(list, entries.a);
    assert.equal(list.get('a'), other);
    // The issuer keeps its place among those that accepted tokens.
    for (const name of 'cdef') list.add(entry(name));
    assert.equal(list.get('a'), other);
  });

  test('is removed once only', () => {
    const { list, entries } = listOf('a');
    list.add(entry('a'));
    list.remove(entries.a);
    assert.deepEqual(keysOf(list), ['a']);
  });
});

test('a list of one keeps the newest client', () => {
  const list = new ResolvedClients(1);
  for (const name of 'abc') {
    const added = entry(name);
    list.add(added);
    use(list, added);
    assert.deepEqual(keysOf(list), [name]);
  }
});
