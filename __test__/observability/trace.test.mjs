// Which spans does OpenTelemetry's own exporter receive, and what are their parents?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { trace } from '@monocloud/backend-node/observability';
import { createTestIssuer } from '@monocloud/backend-node/testing';
import { context, trace as api } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

import { eventually } from '../support/eventually.mjs';
import { rejected } from './hear.mjs';

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer('test');
const activeSpan = () => api.getActiveSpan();

/** Runs `work` in a span of its own, and returns that span and the others that it caused. */
async function inSpan(work) {
  exporter.reset();
  const span = tracer.startSpan('request');
  await context.with(api.setSpan(context.active(), span), work);
  span.end();
  const all = exporter.getFinishedSpans();
  return { request: all.find(({ name }) => name === 'request'), others: all.filter(({ name }) => name !== 'request') };
}

describe('trace()', () => {
  test('puts the decision into the active span, also after an introspection', async () => {
    const issuer = createTestIssuer();
    const client = new MonoCloudBackendNodeClient(issuer.options);
    await client.warmUp();
    const end = trace(tracer, { activeSpan });
    const jwt = await inSpan(() => rejected(client.validateAccessToken(issuer.bad('expired'))));
    assert.deepEqual(jwt.request.attributes, {
      'monocloud.auth.outcome': 'refused',
      'monocloud.auth.reason': 'expired',
      'monocloud.auth.kind': 'jwt',
      'monocloud.auth.scheme': 'bearer',
      'monocloud.auth.issuer': issuer.options.tenantDomain,
    });
    const opaque = await inSpan(() => client.validateAccessToken(issuer.opaque()));
    assert.equal(opaque.request.attributes['monocloud.auth.outcome'], 'accepted');
    const introspection = opaque.others.find(({ name }) => name === 'monocloud.auth.introspection');
    assert.equal(introspection.parentSpanContext?.spanId, opaque.request.spanContext().spanId);
    assert.equal(introspection.attributes['monocloud.auth.outcome'], 'active');
    assert.ok(introspection.duration[0] < 60);
    end();
  });

  test('writes a span for a refresh of the keys, without a parent, and one that failed with its reason', async () => {
    const issuer = createTestIssuer();
    const client = new MonoCloudBackendNodeClient(issuer.options);
    const end = trace(tracer);
    const named = (outcome) =>
      exporter
        .getFinishedSpans()
        .filter(
          ({ name, attributes }) =>
            name === 'monocloud.auth.keys.refresh' && attributes['monocloud.auth.outcome'] === outcome,
        );
    exporter.reset();
    await client.warmUp();
    await eventually(() => named('refreshed').length > 0);
    assert.equal(named('refreshed')[0].parentSpanContext, undefined);
    issuer.outage();
    await rejected(client.getJwks(true));
    await eventually(() => named('failed').length > 0);
    const { status, attributes } = named('failed')[0];
    assert.equal(status.code, 2);
    assert.equal(status.message, attributes['monocloud.auth.reason']);
    end();
  });

  test('without activeSpan leaves the span of the request alone', async () => {
    const issuer = createTestIssuer();
    const client = new MonoCloudBackendNodeClient(issuer.options);
    const end = trace(tracer);
    const { request } = await inSpan(() => client.validateAccessToken(issuer.token()));
    assert.deepEqual(request.attributes, {});
    end();
  });
});
