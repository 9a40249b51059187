/**
 * Metrics, logs and traces from the events of this package.
 *
 * Each function subscribes to the events of all clients in this process, and returns a function that ends the
 * subscription. What a logger, a meter or a tracer throws is ignored, so that it never breaks a request. None of the
 * libraries is imported. The parameters are described by their shape.
 */
import type { MonoCloudBackendNodeClient, MonoCloudMultiIssuerClient, MonoCloudOidcBackendClient } from '../index.js';

/** Ends the subscription. Never throws. Only the first call does something. */
export type Unsubscribe = () => void;

/** A `Meter` of OpenTelemetry, as far as it is used. */
export interface OtelMeterLike {
  createCounter(name: string, options?: any): { add(value: number, attributes?: any): void };
  createHistogram(name: string, options?: any): { record(value: number, attributes?: any): void };
  createObservableGauge(
    name: string,
    options?: any,
  ): { addCallback(callback: (result: any) => void): void; removeCallback(callback: (result: any) => void): void };
}

/** A `Registry` of prom-client, as far as it is used. */
export interface PromRegistryLike {
  registerMetric(metric: any): void;
  removeSingleMetric(name: string): void;
}

/** A logger with levels: pino, winston, `console` and others. */
export interface LoggerLike {
  debug(...values: any[]): void;
  info(...values: any[]): void;
  warn(...values: any[]): void;
  error(...values: any[]): void;
}

/** A `Tracer` of OpenTelemetry, as far as it is used. */
export interface OtelTracerLike {
  startSpan(name: string, options?: any): { setStatus(status: any): unknown; end(time?: number): void };
}

/** A `Span` of OpenTelemetry, as far as it is used. */
export interface OtelSpanLike {
  setAttributes(attributes: any): unknown;
}

/** Options of {@link metrics} and {@link prometheus}. */
export interface MeasurementOptions {
  /**
   * The clients whose `health()` becomes gauges: the age and number of the keys, the circuit breaker, and what is
   * remembered. Default: none.
   */
  clients?:
    readonly (MonoCloudOidcBackendClient | MonoCloudBackendNodeClient | MonoCloudMultiIssuerClient)[] | undefined;
  /**
   * One of this many decisions is timed, because reading the clock takes as long as a decision about a known token. A
   * whole number. 0 times none. Default: 100.
   */
  sample?: number | undefined;
}

/** Options of {@link log}. */
export interface LogOptions {
  /** One of this many accepted tokens gets a line of the level `debug`. A whole number. 0 logs none. Default: 0. */
  sample?: number | undefined;
  /** The level of rejected tokens. Outages and failures always have the level `warn`. Default: `info`. */
  refusedLevel?: 'info' | 'warn' | undefined;
}

/** Options of {@link trace}. */
export interface TraceOptions {
  /**
   * Returns the active span, which gets the attributes of decisions: `() => trace.getActiveSpan()` with `trace` of
   * `@opentelemetry/api`. Default: decisions are not traced.
   */
  activeSpan?: (() => OtelSpanLike | undefined) | undefined;
}

/**
 * Measures with a meter of OpenTelemetry.
 *
 * The attributes are `issuer`, `kind`, `scheme`, `outcome` and `reason`. All have few values: the issuers are those of
 * your clients, at most 100, and then `other`. Nothing that a token says becomes an attribute.
 *
 * @throws MonoCloudValidationError The meter or an option is not usable (`argument_invalid`).
 */
export declare function metrics(meter: OtelMeterLike, options?: MeasurementOptions): Unsubscribe;

/**
 * Measures into a registry of prom-client. The names are those that the Prometheus exporter of OpenTelemetry gives the
 * instruments of {@link metrics}.
 *
 * @throws MonoCloudValidationError The registry or an option is not usable (`argument_invalid`).
 */
export declare function prometheus(register: PromRegistryLike, options?: MeasurementOptions): Unsubscribe;

/**
 * Writes a line for each rejected token and for each failure, at most ten per second for each reason. The number of lines
 * that were left out follows when the second ends. Control characters are escaped.
 *
 * A pino logger receives the members and then the text. Any other logger receives the text and then the members.
 *
 * @throws MonoCloudValidationError The logger or an option is not usable (`argument_invalid`).
 */
export declare function log(logger: LoggerLike, options?: LogOptions): Unsubscribe;

/**
 * Writes a span for each introspection and for each refresh of the keys. A span is written when it has ended. The span of
 * an introspection is a child of the span that was active when your code asked for the decision. A refresh of the keys is
 * for all requests, so its span has no parent.
 *
 * @throws MonoCloudValidationError The tracer or an option is not usable (`argument_invalid`).
 */
export declare function trace(tracer: OtelTracerLike, options?: TraceOptions): Unsubscribe;
