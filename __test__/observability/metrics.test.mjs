// Do OpenTelemetry's and prom-client's own exporters show what was decided, with few series?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { log, metrics, prometheus, trace } from '@monocloud/backend-node/observability';
import { createTestIssuer } from '@monocloud/backend-node/testing';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { Registry } from 'prom-client';

import { rejected } from './hear.mjs';

/** A meter whose values are read with OpenTelemetry's own exporter. */
function openTelemetry() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
  const provider = new MeterProvider({ readers: [reader] });
  /** `name` → its points as `{ value, ...attributes }`. */
  const read = async () => {
    exporter.reset();
    await provider.forceFlush();
    const all = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    return new Map(
      all.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        dataPoints.map(({ value, attributes }) => ({ value: value.count ?? value, ...attributes })),
      ]),
    );
  };
  return { meter: provider.getMeter('test'), read, close: () => provider.shutdown() };
}

/** The points of one metric of a registry, as Prometheus reads them: `name{labels}` → value. */
async function scrape(register) {
  const lines = (await register.metrics()).split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

/** Decides on five tokens: two accepted, three rejected for two reasons. */
async function decide(issuer, client) {
  await client.validateAccessToken(issuer.token());
  await client.validateAccessToken(issuer.opaque());
  for (const token of [issuer.bad('expired'), issuer.bad('expired'), issuer.bad('signature_invalid')]) {
    await rejected(client.validateAccessToken(token));
  }
}

describe('the same decisions', () => {
  test('are counted and timed by OpenTelemetry', async () => {
    const issuer = createTestIssuer();
    const client = new MonoCloudBackendNodeClient(issuer.options);
    const { meter, read, close } = openTelemetry();
    const end = metrics(meter, { clients: [client], sample: 1 });
    await decide(issuer, client);
    const names = await read();
    const common = { issuer: issuer.options.tenantDomain, scheme: 'bearer' };
    assert.deepEqual(names.get('monocloud.auth.decisions'), [
      { value: 1, ...common, kind: 'jwt', outcome: 'accepted' },
      { value: 1, ...common, kind: 'opaque', outcome: 'accepted' },
      { value: 2, ...common, kind: 'jwt', outcome: 'refused', reason: 'expired' },
      { value: 1, ...common, kind: 'jwt', outcome: 'refused', reason: 'signature_invalid' },
    ]);
    const timed = names.get('monocloud.auth.decision.duration').reduce((total, { value }) => total + value, 0);
    assert.equal(timed, 5);
    assert.deepEqual(names.get('monocloud.auth.introspection.duration'), [
      { value: 1, issuer: issuer.options.tenantDomain, outcome: 'active' },
    ]);
    assert.equal(names.get('monocloud.auth.keys.refresh')[0].outcome, 'refreshed');
    assert.ok(names.get('monocloud.auth.keys.age')[0].value >= 0);
    assert.deepEqual(names.get('monocloud.auth.ready'), [{ value: 1, issuer: issuer.options.tenantDomain }]);
    end();
    end();
    await decide(issuer, client);
    assert.equal(
      (await read()).get('monocloud.auth.decisions').reduce((total, { value }) => total + value, 0),
      5,
    );
    await close();
  });

  test('are counted and timed by prom-client', async () => {
    for (const type of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE]) {
      const issuer = createTestIssuer();
      const client = new MonoCloudBackendNodeClient(issuer.options);
      const register = new Registry(type);
      const end = prometheus(register, { clients: [client], sample: 1 });
      await decide(issuer, client);
      const points = await scrape(register);
      const by = (start, ...labels) =>
        [...points].filter(([name]) => name.startsWith(start) && labels.every((label) => name.includes(label)));
      const total = (found) => found.reduce((sum, [, value]) => sum + value, 0);
      assert.equal(total(by('monocloud_auth_decisions_total{')), 5);
      assert.equal(total(by('monocloud_auth_decisions_total{', 'reason="expired"')), 2);
      assert.equal(total(by('monocloud_auth_decisions_total{', 'outcome="accepted"')), 2);
      assert.equal(total(by('monocloud_auth_decision_duration_seconds_count')), 5);
      assert.equal(total(by('monocloud_auth_decision_duration_seconds_bucket', 'le="+Inf"')), 5);
      assert.equal(total(by('monocloud_auth_introspection_duration_seconds_count')), 1);
      assert.equal(total(by('monocloud_auth_ready')), 1);
      end();
      end();
      assert.equal((await register.getMetricsAsJSON()).length, 0);
    }
  });

  test('are not timed if nobody asks for it, and one of a hundred is by default', async () => {
    const issuer = createTestIssuer();
    const client = new MonoCloudBackendNodeClient(issuer.options);
    for (const [options, expected] of [
      [{ sample: 0 }, undefined],
      [undefined, 2],
    ]) {
      const register = new Registry();
      const end = prometheus(register, options);
      const token = issuer.token();
      for (let i = 0; i < 200; i += 1) await client.validateAccessToken(token);
      const found = [...(await scrape(register))].find(([name]) => name.includes('decision_duration_seconds_count'));
      assert.equal(found?.[1], expected);
      end();
    }
  });
});

describe('the number of series', () => {
  test('of ten thousand random tokens is at most the number of reasons', async () => {
    const issuer = createTestIssuer();
    const client = new MonoCloudBackendNodeClient({ ...issuer.options, diagnostics: 'values' });
    const register = new Registry();
    const end = prometheus(register, { sample: 1 });
    const random = () => Math.random().toString(36).slice(2);
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const good = issuer.token();
    const kinds = [
      () =>
        `${part({ alg: 'RS256', typ: 'at+jwt', kid: random() })}.${part({ iss: random(), aud: random(), sub: random() })}.${'A'.repeat(342)}`,
      () => `${part({ alg: random() })}.${part({})}.AAAA`,
      () => `${random()}.${random()}.${random()}`,
      () => `${good.slice(0, -12)}${random().padEnd(12, 'A').slice(0, 12)}`,
      () => `${part({ alg: 'ES256', typ: random() })}.${part({ iss: random() })}.${'A'.repeat(86)}`,
    ];
    for (let i = 0; i < 10_000; i += 100) {
      const tokens = Array.from({ length: 100 }, (_, j) => kinds[j % kinds.length]());
      await Promise.all(tokens.map((token) => client.validateAccessToken(token).catch(() => {})));
    }
    const series = [...(await scrape(register))].filter(([name]) => name.startsWith('monocloud_auth_decisions_total'));
    assert.equal(
      series.reduce((total, [, value]) => total + value, 0),
      10_000,
    );
    const reasons = new Set(series.map(([name]) => /reason="(\w+)"/.exec(name)?.[1]));
    assert.ok(series.length <= reasons.size + 1, `${series.length} series, ${reasons.size} reasons`);
    end();
  });

  test('is bounded also for what other code publishes on the channels', async () => {
    const { channel } = await import('node:diagnostics_channel');
    const register = new Registry();
    const end = prometheus(register);
    for (let i = 0; i < 1000; i += 1) {
      channel('monocloud:backend:refused').publish({ issuer: `i${i}`, reason: `r${i}`, kind: `k${i}`, scheme: {} });
    }
    for (const message of [
      undefined,
      null,
      1,
      'x',
      Object.defineProperty({}, 'reason', { get: () => assert.fail() }),
    ]) {
      channel('monocloud:backend:refused').publish(message);
    }
    const series = [...(await scrape(register))].filter(([name]) => name.startsWith('monocloud_auth_decisions_total'));
    // A hundred issuers, the others, and none.
    assert.equal(series.length, 102);
    assert.ok(series.every(([name]) => name.includes('reason="other"') && !name.includes('kind')));
    end();
  });
});

describe('an argument', () => {
  test('of another kind throws and subscribes to nothing', () => {
    const register = new Registry();
    for (const call of [
      () => metrics({}),
      () => prometheus(undefined),
      () => prometheus({}),
      () => log({ info() {} }),
      () => trace({}),
      () => prometheus(register, { sample: -1 }),
      () => prometheus(register, { clients: [{}] }),
      () => prometheus(register, { client: [] }),
      () => log(console, { refusedLevel: 'error' }),
      () => log(console, { sample: 0.5 }),
      () => trace({ startSpan() {} }, { activeSpan: {} }),
    ]) {
      assert.throws(call, { name: 'MonoCloudValidationError', reason: 'argument_invalid' });
    }
  });

  test('whose metric is taken throws and leaves nothing behind', async () => {
    const register = new Registry();
    const end = prometheus(register);
    assert.throws(() => prometheus(register), /already been registered/);
    assert.ok((await register.getMetricsAsJSON()).length > 0);
    end();
    assert.equal((await register.getMetricsAsJSON()).length, 0);
  });
});
