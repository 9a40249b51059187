/** Explanations of decisions: which rules a token passes, and which one it fails. */
import type { MonoCloudReason } from './errors.js';

/** One rule of a decision. */
export interface ExplainedRule {
  /** The name of the rule, such as `audience`, `expiry` or `proof URL`. Names do not change within a major version. */
  readonly rule: string;
  /** The first rule that fails ends the validation, so the rules after it are not reached. */
  readonly outcome: 'passed' | 'failed' | 'not_reached';
  /** The reason of the failure. */
  readonly reason?: MonoCloudReason;
  /** The value in the token and the expected value, in English. The text may change in any release. */
  readonly description?: string;
  /**
   * What the rule compares with: an option of the client or of the call, the issuer's keys, or the current time in epoch
   * seconds. Absent if there is nothing to compare with, and for rules that were not reached.
   */
  readonly expected?: unknown;
  /** The value in the token, the introspection response or the DPoP proof. Anyone may have chosen it. */
  readonly received?: unknown;
  /** How to fix a failure, in English. The text may change in any release. */
  readonly fix?: string;
}

/**
 * Why is a token accepted or rejected? It contains no token, no signature, no DPoP proof and no secret.
 *
 * `expected`, `received` and `description` contain values of the configuration and of the token. Claims may be personal
 * data, and those of a rejected token may be any text. Show them to your own staff, and not in responses of a public API.
 */
export interface Explanation {
  /**
   * `undecided` if no rule of a token failed: the authorization server is unreachable or refused this API, a store
   * failed, or the client is misconfigured. `validateAccessToken` rejects the token in this case too.
   */
  readonly decision: 'accepted' | 'refused' | 'undecided';
  /** The reason of the error that `validateAccessToken` throws. Absent if the token is accepted. */
  readonly reason?: MonoCloudReason;
  /** The message of that error. */
  readonly message?: string;
  /** How to fix what keeps the client from deciding, in English. */
  readonly fix?: string;
  /** Whether the token is validated as a JWT or introspected. */
  readonly kind: 'jwt' | 'opaque';
  /** The rules in the order in which they are checked. */
  readonly rules: readonly ExplainedRule[];
}
