/**
 * The native add-on. Written by scripts/binding.mjs from the signatures and comments in `src/addon`.
 *
 * It is for the type check of this package only and is not published.
 */
import type {
  CertificateBindingValidation,
  Claims,
  ClaimsTemplate,
  DPoPBindingValidation,
  FailureDetail,
  FailureSpec,
  Health,
  HostRequest,
  IntrospectionResponse,
  IssuerMetadata,
  Json,
  JwkDescription,
  Jwks,
  JwtClaims,
  KeyWait,
  KeysEvent,
  ObtainedMember,
  OptionSpec,
  PublicJwk,
  ShownOptions,
} from './values.js';

/** What never changes about a client. */
export interface ClientFacts {
  /** The tenant's domain. With the audiences, it identifies the client in events and in a shared cache. */
  tenant: string;
  audiences: Array<string>;
  /** Whether introspected claims may stay in a cache. */
  cachesIntrospected: boolean;
  /** Whether challenges offer DPoP to clients that do not use it. */
  announcesDpop: boolean;
  /** Identifies what the DPoP proofs of clients share. A proof that one of them made is a proof for the others. */
  dpopContext: number;
  /** Whether a response may have to give a nonce for the next DPoP proof. */
  usesNonces: boolean;
  /** The mode of DPoP unless a route says otherwise. */
  dpopMode: DPoPBindingValidation;
  /** The accepted algorithms of DPoP proofs, separated by spaces. */
  dpopAlgorithms: string;
  /** Whether certificate binding is ignored unless a route says otherwise. */
  ignoresBinding: boolean;
  /** Whether every token is introspected. */
  introspectsJwts: boolean;
  /** Whether events may hold values of rejected tokens. */
  publishesValues: boolean;
  /** Whether the signing keys cannot be fetched without metadata. */
  needsMetadata: boolean;
  /** Where clients reach this API. */
  publicUrls: Array<string>;
  /** The time limit of an exchange. */
  responseTimeoutMs: number;
}

export interface Constants {
  outcomes: OutcomeCodes;
  limits: Limits;
  names: Names;
}

/** A failure with the details of the exchange. */
export interface JsFailure {
  /** The code of the reason. */
  code: number;
  /** JSON of `{ status, statusText, headers, body, error, errorDescription, retryAfter, isOutage }`. */
  detail?: Json<FailureDetail>;
}

/** What a route or a call requires, as `npm/client/policy.js` read it from the options. */
export interface JsPolicySpec {
  scopes: Array<string>;
  anyScopes?: Array<string>;
  groups: Array<string>;
  permissions?: Array<string>;
  roles?: Array<string>;
  /** JSON text of the claims rules. */
  claims?: string;
  /** The name of a mode. The default is the mode of the client. */
  binding?: CertificateBindingValidation;
  /** The name of a mode of DPoP. The default is the mode of the client. */
  dpop?: DPoPBindingValidation;
  acr: Array<string>;
  /** In seconds. */
  maxAge?: number;
  /** Some audiences of the client. Absent: all of them. */
  audience?: Array<string>;
}

export interface Limits {
  /** The largest body of a response, in bytes. */
  bodyBytes: number;
  /** The largest number of a response's headers. */
  headers: number;
  /** The longest time that a response tells its client to wait, in seconds. */
  retryAfter: number;
  /** The largest age of an authentication that a route can ask for, in seconds. */
  maxAge: number;
  /** The largest number of claims templates that are kept. */
  claimsTemplates: number;
  /** A slot number modulo this is the place of its claims. */
  slotPlaces: number;
  /** The largest number of entries of a cache in the process. */
  cacheEntries: number;
  /** The largest size of a cache in the process, in bytes. */
  cacheBytes: number;
}

export declare class MemoryCache {
  /** Creates a cache with these limits. JavaScript has checked both. */
  constructor(maxEntries: number, maxBytes: number);
  /** The claims that were set for a token, as JSON text, until they expire. */
  get(scope: string, token: string, now: number): string | null;
  /** The claims of a token whose entry has this slot, as JSON text. JavaScript keeps them until the slot is released. */
  handOut(scope: string, token: string, slot: number, now: number): string | null;
  set(scope: string, token: string, claims: string, expiresAt: number, now: number): void;
  delete(scope: string, token: string): void;
  /**
   * The slots that were released since the last call: JavaScript no longer needs to keep their claims. `null` without
   * any.
   */
  released(): Array<number> | null;
}

/** The engine of one client. The public JavaScript class of the same name holds an instance. */
export declare class MonoCloudBackendNodeClient {
  /**
   * Parses the options. `settings` is JSON of `{ options, environment, clientKind, hostEnvironment }`. The message of an error
   * names the option.
   */
  constructor(settings: string);
  /** What never changes about this client. JavaScript reads it once. */
  facts(): ClientFacts;
  /** The options that an explanation names, as JSON by the names of the options. No secret is among them. */
  shownOptions(): Json<ShownOptions>;
  /** How often the memory of used DPoP proofs was full and gave up proofs. */
  timesReplayMemoryWasFull(): number;
  /** The issuer's name from its metadata, or the tenant without metadata. */
  issuer(): string;
  /**
   * Calls `report` with JSON of `{ keys, leftOut? }` or `{ reason }`, and of `duration` in seconds, after each refresh of the keys. The registration does
   * not keep the process alive. `report` must not hold the client, because it outlives the client.
   */
  observe(report: (event: Json<KeysEvent>) => void): void;
  /** Creates a policy. */
  policy(spec: JsPolicySpec): Policy;
  /** Whether a token is validated as a JWT. All others are introspected. */
  isLocal(token: string): boolean;
  /** The scopes that the JSON text of claims grants. Scopes that they imply are not added. */
  grantedScopes(claims: string): Array<string>;
  /** Whether there are keys that may be used, however old. */
  hasUsableKeys(): boolean;
  /** The time (epoch seconds) until which claims may stay in a cache, or `null` if they must not be cached. */
  cacheUntil(expires: number | undefined | null, isIntrospected: boolean, now: number): number | null;
  /** JSON of an object whose member tells how and when (epoch seconds) an entry of a cache was obtained. */
  obtained(isIntrospected: boolean, at: number): Json<ObtainedMember>;
  setClockSkew(seconds: number): void;
  setClockTolerance(seconds: number): void;
  /** JSON of ages (in seconds), counts, and the reasons of the last failures. Contains no secrets. */
  health(): Json<Health>;

  /**
   * Creates the warm function of a policy: `(token, now, certificate?, proof?)`, which returns an [`Outcome`].
   * It holds the policy, so that a call neither passes it nor looks it up. With the text of a proof, its method and its
   * URL, it verifies no signature (`Local::with_call`).
   */
  warm(
    spec: JsPolicySpec,
  ): (
    token: string,
    now: number,
    certificate?: string,
    proof?: Proof | string,
    method?: string,
    url?: string,
  ) => Outcome;
  /** Sets the function that is called when a warm function has left requests for JavaScript. */
  onRequests(wake: () => void): void;
  /**
   * Creates the warm function of a policy for a client with a `memoryCache()`. It decides on the entry in the cache, and
   * returns `MISS` without one.
   */
  warmCached(
    policy: Policy,
    cache: MemoryCache,
    scope: string,
  ): (token: string, now: number, certificate?: string, proof?: Proof) => string | number;
  /** Creates the memory for entries of a user's cache that were evaluated before, with the limits for verified tokens. */
  evaluatedEntries(): MemoryCache;
  /**
   * Creates the function that decides on an entry of a user's cache: `(token, now, entry, certificate?, proof?)`, with the same
   * results as the warm function. Without an entry, it decides on the entry that was evaluated before. The returned slot
   * tells the caller which entry that was.
   */
  evaluateEntry(
    policy: Policy,
    evaluated: MemoryCache,
  ): (token: string, now: number, entry?: string, certificate?: string, proof?: Proof) => string | number;
  /** The claims' text of a remembered token, for the first use of its slot. */
  claims(token: string, slot: number): Json<Claims> | null;
  /**
   * The slots that were released since the last call: JavaScript no longer needs to keep their claims. `null` without
   * any.
   */
  released(): Array<number> | null;
  /** A claims template, for its first use: JSON of `{ claims, blanks: [{ name, isText, isInCnf }] }`. */
  claimsTemplate(id: number): Json<ClaimsTemplate> | null;
  /** Decides again after a wait for the keys. */
  decide(
    token: string,
    policy: Policy,
    now: number,
    certificate?: string | undefined | null,
    proof?: Proof | undefined | null,
  ): Outcome;
  /** Decides on another thread, for signatures that would block the event loop. */
  decideOnPool(
    token: string,
    policy: Policy,
    now: number,
    certificate?: string | undefined | null,
    proof?: Proof | undefined | null,
  ): Promise<Outcome>;
  /** Decides against the caller's own JWK Set. */
  decideWithJwks(
    token: string,
    policy: Policy,
    now: number,
    certificate: string | undefined | null,
    jwks: string,
    proof?: Proof | undefined | null,
  ): Outcome;
  /**
   * Decides on the claims of an active token. Returns 0 or a negative code, also that of a slow DPoP proof or of a route
   * that accepts no audience of the token. `is_response` is false for a custom method that says what a JWT contains.
   */
  decideIntrospected(
    token: string,
    policy: Policy,
    now: number,
    certificate: string | undefined | null,
    claims: string,
    isResponse: boolean,
    proof?: Proof | undefined | null,
  ): number;

  /** Introspects a token. Resolves to the claims as JSON text, or to the failure. */
  introspect(token: string, now: number): Promise<Json<IntrospectionResponse> | JsFailure>;
  /** Resolves to the text of the metadata, or to the failure. */
  metadata(isForced: boolean): Promise<Json<IssuerMetadata> | JsFailure>;
  /** Resolves to the text of the JWK Set, or to the failure. */
  jwks(isForced: boolean): Promise<Json<Jwks> | JsFailure>;

  /** Takes the requests that JavaScript should perform now, as JSON. */
  takeRequests(): Json<Array<HostRequest>>;
  /** Passes the response of the user's `fetcher`. `headers` is JSON of `[[name, value], …]`. */
  answer(id: number, status: number, statusText: string, headers: string, body: string): void;
  /** Passes a response whose body is too large or not text. `reason` is the name of the failure. */
  answerBroken(id: number, status: number, statusText: string, headers: string, reason: string): void;
  /** Passes the document of a user's resolver. */
  resolve(id: number, document: string): void;
  /** Passes the failure of a user's function. `reason` is `timed_out` if it took too long. */
  fail(id: number, reason: string): void;

  /**
   * The next step of a caller that needs newer keys; `null` when the caller gives up. `round` counts its waits, from 1.
   *
   * `{ wait, ended }`: the caller began this wait. The promise resolves to [`WaitEnd`].
   * `{ wait, isLast }`: the caller joins the wait with this number. `isLast`: it is the caller's last one.
   */
  waitForKeys(round: number, hasCachedFallback: boolean): KeyWait | null;
}

export interface Names {
  /** How the environment variable of every option begins. */
  variablePrefix: string;
  /** The member of a cache's entry that tells how and when the claims were obtained. */
  obtainedMember: string;
  /** The values of both binding options. */
  bindingModes: CertificateBindingValidation[];
}

/** Claims, a slot or a negative code, or a failure with details. */
export type Outcome = string | number | JsFailure;

/** The negative outcomes that are no failures. */
export interface OutcomeCodes {
  needsKeys: number;
  isSlow: number;
  miss: number;
  notAJwt: number;
  notOurs: number;
  audienceOfRoute: number;
}

/** A policy of one client. It has no methods, and only the methods of that client can use it. */
export declare class Policy {
  private constructor();
}

export declare class Proof {
  /**
   * The values of the `DPoP` header fields of a request, its method, and the URLs that it may have been sent to. A
   * rehearsed proof is checked and not used.
   */
  constructor(
    client: MonoCloudBackendNodeClient,
    given: string | Array<string> | undefined | null,
    method: string,
    urls: Array<string>,
    isRehearsed?: boolean | undefined | null,
  );
  /** Checks the rules that do not need the token's key. Returns 0, or the code of a reason. */
  checkRequest(token: string): number;
  /** Verifies the signature on another thread. Resolves to 0, or to the code of a reason. */
  verifyOnPool(token: string): Promise<number>;
  /** `null` until the proof was used. */
  spent(): SpentProof | null;
  /** The facts of the last refusal, if it has any. */
  refusal(): ProofRefusal | null;
  /** The value of `DPoP-Nonce` in the response, if it must have one. */
  nonce(): string | null;
}

/** The facts of a refusal. */
export interface ProofRefusal {
  expected?: string;
  got?: string;
  /** A text for the response, instead of the reason's message. */
  description?: string;
}

/** What a store that several processes share must remember. */
export interface SpentProof {
  id: string;
  /** Epoch seconds. */
  expiresAt: number;
}

/** How a wait ended. */
export interface WaitEnd {
  /** Whether the caller that began the wait decides with the keys that are there now. Otherwise it may wait again. */
  isRefreshed: boolean;
  /** The same for the callers that joined the wait. */
  isRefreshedForJoined: boolean;
  /** The same for those of them whose last wait it was. */
  isRefreshedForLast: boolean;
}

/**
 * The nanoseconds that one `verify_sig` of aws-lc takes on average, with a key that is parsed once. `npm run bench`
 * compares with this lower bound. Throws if a signature does not verify.
 */
export declare function benchVerify(alg: string, jwk: string, inputs: Array<Buffer>, signatures: Array<Buffer>): number;

/** The certificate in a proxy's header of the named format. Returns `null` if the header has none or more than one. */
export declare function certificateFromHeader(format: string, value: string): string | null;

/** What is wrong with claims rules (JSON text), to complete the sentence "claims …". Returns `null` if nothing is. */
export declare function claimRulesProblem(rules: string): string | null;

export declare function constants(): Constants;

/** The claims of a JWT as JSON text, decoded but not verified. Returns `null` if the token is not a JWT. */
export declare function decodeClaims(token: string): Json<JwtClaims> | null;

/**
 * Describes each entry of a JWK Set ([`jwk::describe_jwks`]). The argument and the result are JSON text. Returns `null`
 * if the text is not a JWK Set.
 */
export declare function describeJwks(jwks: string): Json<Array<JwkDescription>> | null;

/**
 * The table of reasons for JavaScript, which reads it once. `outcomeCode` is the code of a reason in an outcome, and
 * `outcomeCodeLackingScopes` is its code if the token lacks required scopes too.
 */
export declare function failures(): Array<FailureSpec>;

/** Whether a groups claim (JSON text) contains any of the groups, or all of them. */
export declare function isUserInGroup(
  groupsClaim: string | undefined | null,
  groups: Array<string>,
  matchAll: boolean,
): boolean;

/** The table of options: name, environment variable, kind of the value, and documentation. */
export declare function options(): Array<OptionSpec>;

/** The issuer that a token names, decoded but not verified. Without one, a negative code as in an outcome. */
export declare function peekIssuer(token: string): string | number;

/** The public JWK of the key that a header names, as JSON text, for `getPublicSigKeyFromIssuerJwks`. */
export declare function publicSigningKey(jwks: string, header: string): Json<PublicJwk> | null;

/** The index in a JWK Set of the key that a header names, or -1 if there is none. Both arguments are JSON text. */
export declare function selectSigningKey(jwks: string, header: string): number;

/** Whether a cache that stores claims as JavaScript objects keeps the meaning of their JSON text. */
export declare function survivesJavascript(claims: string): boolean;

/** The version of the binary. The JavaScript files must have the same version. */
export declare function version(): string;
