/** What the checks of the doctor pass to each other. These types are for the type check only and are not published. */
import type { OptionSpec } from '../native/values.js';
import type { MonoCloudBackendNodeClient } from '../types/client.js';
import type { IssuerMetadata, Jwks } from '../types/issuer.js';

/** A row of the engine's table of options, with its flag on the command line. */
export interface OptionRow extends OptionSpec {
  flag: string;
}

/** The value of each option, without white space around it. */
export type OptionValues = Map<string, string | undefined>;

export interface Configuration {
  client: MonoCloudBackendNodeClient;
  values: OptionValues;
  /** Creates a client of another tenant with the same options. */
  clientAt(tenantDomain: string): MonoCloudBackendNodeClient;
}

/** The documents of the authorization server, each only if it could be fetched. */
export interface ServerDocuments {
  metadata?: IssuerMetadata;
  jwks?: Jwks;
}

/** The text of one check. */
export interface CheckFacts {
  message?: unknown;
  reason?: string | undefined;
  fix?: string | undefined;
}

export type Status = 'ok' | 'skipped' | 'warning' | 'problem';

/** A check in the JSON output. */
export interface Check {
  id: string;
  section: string | undefined;
  status: Status;
  title: string;
  message: string;
  reason?: string;
  fix?: string;
}

/** A DPoP proof as text, and the request that it should be for. */
export interface PresentedProof {
  text: string;
  method: string;
  url: string;
}

/** The token to check, how it was presented, and what it should have. */
export interface PresentedToken {
  token: string;
  scopes?: string[] | undefined;
  groups?: string[] | undefined;
  permissions?: string[] | undefined;
  roles?: string[] | undefined;
  certificate?: string | undefined;
  /** `undefined` for a bearer token. */
  proof?: PresentedProof | undefined;
}

/** The sensible range of an option, and the texts for a value outside it. */
export interface Range {
  least?: number;
  low?: string;
  most: number;
  high: string;
  milliseconds?: boolean;
  fix: string;
}

/** What a server sent to Node's own HTTP client. */
export interface Seen {
  certificate?: string | undefined;
  /** What `JSON.parse` returned. */
  body?: any;
}
