/** `npm/native/binding.d.ts`, which is generated, has the types of the add-on that was built from these sources. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';

import { BINDING, bindingOf, bindingOfLastBuild, currentBinding } from '../../scripts/binding.mjs';

const native = createRequire(import.meta.url)('../../npm/native/load.js');

describe('the types of the add-on', () => {
  it('are those that the last build left', async (test) => {
    const built = await bindingOfLastBuild();
    if (built === undefined) test.skip('the add-on was not built here');
    else assert.equal(currentBinding(), built, `${BINDING} is stale: run node scripts/binding.mjs`);
  });

  it('name every function and class of the add-on, and no other', () => {
    const exported = /^export declare (?:function|class) (\w+)/gm;
    const named = [...currentBinding().matchAll(exported)].map(([, name]) => name);
    assert.deepEqual(named.sort(), Object.keys(native).sort());
  });

  it('name every method of every class, and no other', () => {
    const classes = [...currentBinding().matchAll(/^export declare class (\w+) \{\n([^]*?)^\}/gm)];
    assert.ok(classes.length > 0);
    for (const [, name, body] of classes) {
      const named = [...body.matchAll(/^ {2}(?:private )?(\w+)\(/gm)].map(([, method]) => method);
      assert.deepEqual(named.sort(), Object.getOwnPropertyNames(native[name].prototype).sort(), name);
    }
  });

  it('leave nothing as `object`, `unknown` or `any`', () => {
    const types = currentBinding().replace(/\/\*\*[^]*?\*\//g, '');
    assert.doesNotMatch(types, /\b(?:object|unknown|any)\b/);
  });
});

describe('scripts/binding.mjs', () => {
  const item = (kind, name, def, more = {}) => JSON.stringify({ kind, name, js_doc: '', def, ...more });

  it('joins the blocks of a class, and lets JavaScript create no object of a class without a constructor', () => {
    const lines = [
      item('struct', 'A', '', { original_name: 'NativeA' }),
      item('impl', 'A', '/** Says `None`. */\n b(c: NativeA): void'),
      item('impl', 'A', 'd(): Row | null'),
    ];
    const text = bindingOf(lines.join('\n'), 'export interface Row {}\nexport type Unused = 1;');
    assert.match(text, /^import type \{ Row \} from '\.\/values\.js';$/m);
    assert.match(text, /private constructor\(\);/);
    assert.match(text, /Says `null`/);
    assert.match(text, /b\(c: A\): void;\n+d\(\): Row \| null;/);
    assert.doesNotMatch(bindingOf(item('struct', 'A', '') + '\n' + item('impl', 'A', 'constructor()'), ''), /private/);
  });
});
