/** Does the example with metrics work, and do its dashboard and its alert rules name only metrics that exist? */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { startExample } from '../examples/run.mjs';
import { get } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const textOf = (file) => readFileSync(new URL(`../../examples/observability/${file}`, import.meta.url), 'utf8');
const namesIn = (text) => new Set([...text.matchAll(/monocloud_auth_\w+/g)].map(([name]) => name));

describe('observability', () => {
  it('counts what it accepts and rejects; dashboard and alerts name only metrics that exist', async () => {
    const issuer = await startIssuer({ keys: 'own' });
    const example = await startExample('observability', { variables: { TENANT_DOMAIN: issuer.issuer, AUDIENCE } });
    try {
      assert.equal((await get(`${example.url}/api/me`, { token: issuer.sign() })).status, 200);
      assert.equal((await get(`${example.url}/api/me`, { token: 'a.b.c' })).status, 401);
      const text = await (await fetch(`${example.url}/metrics`)).text();
      assert.match(text, /^monocloud_auth_decisions_total\{.*outcome="accepted".*\} 1$/m);
      assert.match(text, /^monocloud_auth_decisions_total\{.*reason="token_malformed".*\} 1$/m);

      const exported = new Set(
        [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name, type]) =>
          type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
        ),
      );
      const dashboard = JSON.parse(textOf('dashboard.json'));
      assert.ok(dashboard.panels.length > 0);
      for (const file of ['dashboard.json', 'alerts.yml']) {
        const names = [...namesIn(textOf(file))];
        assert.ok(names.length > 2, file);
        assert.deepEqual(
          names.filter((name) => !exported.has(name)),
          [],
          file,
        );
      }
    } finally {
      await example.close();
      await issuer.close();
    }
  });

  it('has alert rules that are YAML, each with an expression', async () => {
    const { parse } = await import('yaml');
    const rules = parse(textOf('alerts.yml')).groups.flatMap((group) => group.rules);
    assert.deepEqual(
      rules.filter(({ alert, expr }) => !alert || typeof expr !== 'string'),
      [],
    );
    assert.equal(rules.length, 5);
  });
});
