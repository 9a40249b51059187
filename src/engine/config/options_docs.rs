//! The documentation of each option: its values, its default and its effect. `npm run docs` writes it into
//! `docs/configuration.md`. [`super::options`] defines which options exist.

/// The documentation of one option. The texts are Markdown.
pub struct OptionDocs {
    pub name: &'static str,
    /// The heading under which the row is printed.
    pub group: &'static str,
    /// Type, unit and range.
    pub values: &'static str,
    pub default: &'static str,
    pub description: &'static str,
}

macro_rules! docs {
    ($($group:literal { $($name:literal: $values:literal, $default:literal, $description:literal;)+ })+) => {
        /// Every option once, in the order of the documentation.
        pub const DOCS: &[OptionDocs] = &[$($(OptionDocs {
            name: $name,
            group: $group,
            values: $values,
            default: $default,
            description: $description,
        },)+)+];
    };
}

docs! {
    "Required" {
        "tenantDomain":
            "absolute `https://` URL without user, query or fragment; `http://` for loopback hosts only",
            "required",
            "The issuer. Compared with the `issuer` of the metadata and, through it, with `iss` of every token. One trailing `/` is ignored.";
        "audience":
            "text without white space, or 1 to 16 such texts; in the variable, spaces separate them",
            "required",
            "The identifier of your API: a URL, or any other name that the issuer uses. `aud` of every token must contain one of them. Compared byte for byte: a trailing `/` counts.";
    }
    "Authorization rules" {
        "clockTolerance":
            "seconds, 0 or more",
            "300",
            "How far `exp` and `nbf` may be off. A token is accepted that much longer than its `exp` says.";
        "clockSkew":
            "seconds, 0 or more",
            "0",
            "Added to this machine's clock before `exp` and `nbf` are checked.";
        "groupOptions.groupsClaim":
            "name of a claim; in code also an array of names, from the outside in",
            "`groups`",
            "The claim that holds the user's groups: an array, or one string. `['realm_access', 'roles']` is the member `roles` of the claim `realm_access`.";
        "groupOptions.matchAll":
            "boolean",
            "`false`",
            "`true` requires every listed group. `false` requires any one of them.";
        "permissionsClaim":
            "name of a claim; in code also an array of names, from the outside in",
            "`permissions`",
            "The claim that holds the permissions: an array of strings, or one string.";
        "rolesClaim":
            "name of a claim; in code also an array of names, from the outside in",
            "`roles`",
            "The claim that holds the roles: an array of strings, or one string.";
        "scopeOptions.scopesClaim":
            "1 to 8 names of claims, separated by spaces; in code an array, whose items may be arrays of names, from the outside in",
            "`scope`",
            "The claims that may hold the scopes. The first one that the token has counts. Its value is a string with spaces between the scopes, or an array of strings.";
        "scopeOptions.implies":
            "an object; in the environment its JSON text; at most 200 scopes and 1000 pairs",
            "none",
            "What a broader scope contains: `{ \"files:write\": [\"files:read\"] }`. Applied transitively.";
        "validateCertificateBinding":
            "`when_present`, `required` or `dangerously_ignore`",
            "`when_present`",
            "When the token must match the caller's certificate. See [certificates](certificates.md).";
    }
    "DPoP" {
        "validateDPoPBinding":
            "`when_present`, `required` or `dangerously_ignore`",
            "`when_present`",
            "When a token must come with a proof of its key (RFC 9449). `when_present` asks for a proof if the token is bound to a key.";
        "publicUrl":
            "absolute `https://` or `http://` URLs without user, query or fragment, 1 to 16; several are separated by spaces",
            "the URL that the framework reports",
            "Where clients reach this API, with the path prefix that a proxy strips. The URL in a proof must begin with one of them.";
        "dpop.algorithms":
            "names, separated by spaces: `ES256`, `ES384`, `ES512`, `EdDSA`, `Ed25519`, `PS256`, `PS384`, `PS512`, `RS256`, `RS384`, `RS512`",
            "`ES256 EdDSA Ed25519 PS256 RS256`",
            "The signature algorithms of proofs. `EdDSA` and `Ed25519` are two names of one algorithm: either accepts both.";
        "dpop.maxAge":
            "whole seconds, 1 to 600",
            "60",
            "How long a proof is accepted after its `iat`.";
        "dpop.leeway":
            "whole seconds, 0 to 60",
            "30",
            "How far `iat` of a proof may be in the future.";
        "dpop.nonce":
            "`off`, `when_stale` or `required`",
            "`off`; `when_stale` with `dpop.nonceSecret`",
            "When a proof must contain a nonce of this API. `when_stale` asks for one only if the `iat` of a proof is not accepted.";
        "dpop.nonceSecret":
            "32 to 1024 bytes, in base64url or hex",
            "a random secret, known to this process only",
            "The secret of the nonces. It must be the same in every process behind one URL.";
        "dpop.nonceRotation":
            "whole seconds, 10 to 3600",
            "60",
            "How long a nonce is the current one. It is accepted for one to two of these times.";
        "dpop.replayCacheSize":
            "whole number, 1024 to 16777216",
            "262144",
            "How many proofs are remembered, so that none is accepted twice. A proof takes 28 to 32 bytes.";
    }
    "Introspection" {
        "clientId":
            "text",
            "none",
            "The client that introspects tokens. Without it, tokens that need introspection are rejected.";
        "clientSecret":
            "text, or a private JWK as an object or as JSON text",
            "none",
            "The secret, key or JWT-SVID of that client. See [client authentication](#client-authentication).";
        "clientAuthMethod":
            "see [client authentication](#client-authentication)",
            "`client_secret_post`",
            "How the client authenticates at the introspection endpoint.";
        "assertionAudience":
            "`issuer`, `endpoint`, or the text to send",
            "`issuer`",
            "`aud` of the client assertion, for the methods that send one. Some servers expect the URL of the endpoint.";
        "introspectJwtTokens":
            "boolean",
            "`false`",
            "`true` introspects JWTs too. Then revoked JWTs are noticed.";
        "introspectionAudience":
            "`required` or `when_present`",
            "`required`",
            "`when_present` accepts an introspection response without `aud`, which RFC 7662 makes optional. An `aud` that is present must match. See [caching](caching.md#introspection-responses-without-aud).";
        "introspectionCacheDuration":
            "seconds, 0 or more",
            "until `exp`; 300 without `exp` and for inactive tokens",
            "The longest time that an introspection result stays in `cache`. 0 disables caching of introspection results.";
        "trustStoreId":
            "a name in `mtls_additional_endpoint_aliases`",
            "none: `mtls_endpoint_aliases`",
            "Which mutual-TLS endpoints to use, when the server publishes several sets.";
    }
    "Keys and memory" {
        "jwksCacheDuration":
            "seconds, 0 or more",
            "300",
            "How long signing keys are used before they are fetched again.";
        "jwksMaxStale":
            "seconds, 0 or more",
            "86400",
            "How much longer old keys and old metadata are used while they cannot be fetched.";
        "metadataCacheDuration":
            "seconds, 0 or more",
            "300",
            "How long metadata is used before it is fetched again.";
        "verifiedTokenCacheSize":
            "whole number, 0 to 1048576",
            "10000",
            "How many verified JWTs are remembered. 0 disables this cache.";
        "verifiedTokenCacheBytes":
            "whole number of bytes, 0 to 68719476736",
            "33554432 (32 MiB)",
            "How much memory the remembered JWTs and their claims may use. 0 disables this cache.";
    }
    "Network" {
        "responseTimeout":
            "milliseconds, 1000 or more",
            "5000",
            "The time limit of one whole exchange with the authorization server. A connection may take half of it.";
        "certificateAuthorities":
            "PEM text, or the path of a PEM file",
            "see [network](#network)",
            "The only authorities trusted for the authorization server's certificate.";
        "clientCertificate":
            "PEM text, or the path of a PEM file; leaf first",
            "none",
            "The certificate presented to the introspection endpoint by the mutual-TLS methods.";
        "clientCertificateKey":
            "PEM text, or the path of a PEM file; not encrypted",
            "none",
            "The private key of `clientCertificate`.";
    }
    "Diagnostics" {
        "diagnostics":
            "`reasons` or `values`",
            "`reasons`",
            "`values` adds values of rejected tokens to [events](observability.md#values). Anyone can send such a value.";
    }
}

/// The documentation of one option, and its index in [`DOCS`].
pub fn docs_of(name: &str) -> Option<(usize, &'static OptionDocs)> {
    DOCS.iter().enumerate().find(|(_, row)| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::config::options::TABLE;

    #[test]
    fn every_option_has_a_row() {
        let missing: Vec<_> = TABLE.iter().map(|spec| spec.name).filter(|name| docs_of(name).is_none()).collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn every_row_is_of_an_option() {
        let unknown: Vec<_> =
            DOCS.iter().map(|row| row.name).filter(|name| TABLE.iter().all(|spec| spec.name != *name)).collect();
        assert_eq!(unknown, [""; 0]);
    }

    #[test]
    fn every_option_has_one_row_only() {
        let mut names: Vec<_> = DOCS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DOCS.len());
    }

    #[test]
    fn every_text_fits_into_a_cell_of_a_table() {
        for row in DOCS {
            for text in [row.group, row.values, row.default, row.description] {
                assert!(!text.is_empty() && !text.contains(['|', '\n']), "{}", row.name);
            }
        }
    }
}
