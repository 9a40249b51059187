//! The options that say which claims hold scopes, groups, permissions and roles, and which scopes contain others.

use std::borrow::Cow;

use serde_json::Value;

use crate::engine::authorize::implied_scopes::ImpliedScopes;
use crate::engine::config::options::{self, OptionError, OptionSpec, Options};
use crate::engine::token::claim_names::{ClaimNames, ClaimPath, DEFAULT_NAMES, MOST_NAMES};

pub(super) fn names(options: &Options<'_>) -> Result<ClaimNames, OptionError> {
    let path = |spec, default: &ClaimPath| Ok(claim_path(options, spec)?.unwrap_or_else(|| default.clone()));
    Ok(ClaimNames {
        scopes: claim_paths(options)?.map_or_else(|| DEFAULT_NAMES.scopes.clone(), Cow::Owned),
        groups: path(&options::GROUPS_CLAIM, &DEFAULT_NAMES.groups)?,
        permissions: path(&options::PERMISSIONS_CLAIM, &DEFAULT_NAMES.permissions)?,
        roles: path(&options::ROLES_CLAIM, &DEFAULT_NAMES.roles)?,
    })
}

pub(super) fn implied_scopes(options: &Options<'_>) -> Result<ImpliedScopes, OptionError> {
    let spec = &options::SCOPES_IMPLIES;
    let given = match options.given_value(spec) {
        Some(given) => Cow::Borrowed(given),
        None => match options.variable(spec) {
            None => return Ok(ImpliedScopes::default()),
            Some(text) => Cow::Owned(serde_json::from_str(text).map_err(|_| spec.error("must be a JSON object"))?),
        },
    };
    let object = given.as_object().ok_or(spec.error("must be an object"))?;
    let pair = |(broad, contained): (&String, &Value)| Some((broad.clone(), texts(contained)?));
    let pairs: Option<Vec<_>> = object.iter().map(pair).collect();
    let pairs = pairs.ok_or(spec.error("must name an array of scopes for each scope"))?;
    ImpliedScopes::new(pairs).map_err(|problem| spec.error(problem))
}

/// The name of a claim, or the names of a path. Blank text counts as absent.
fn claim_path(options: &Options<'_>, spec: &OptionSpec) -> Result<Option<ClaimPath>, OptionError> {
    let path = match options.given_value(spec) {
        None | Some(Value::String(_)) => return Ok(options.text(spec)?.and_then(|name| ClaimPath::new(vec![name]))),
        Some(given) => path_of(given),
    };
    path.map(Some).ok_or(spec.error("must be the name of a claim, or an array of 1 to 8 names"))
}

fn claim_paths(options: &Options<'_>) -> Result<Option<Vec<ClaimPath>>, OptionError> {
    let spec = &options::SCOPES_CLAIM;
    let wrong = spec.error("must be the name of a claim without spaces, or an array of 1 to 8 names and paths");
    let paths: Option<Vec<_>> = match options.given_value(spec) {
        Some(Value::Array(items)) => items.iter().map(path_of).collect(),
        Some(Value::String(_)) => match options.text(spec)? {
            None => return Ok(None),
            // The variable separates names by spaces. In code, such a text would be one name that no token has.
            Some(name) if name.contains(char::is_whitespace) => None,
            Some(name) => ClaimPath::new(vec![name]).map(|path| vec![path]),
        },
        Some(_) => None,
        None => match options.variable(spec) {
            None => return Ok(None),
            Some(text) => text.split_whitespace().map(|name| ClaimPath::new(vec![name.to_owned()])).collect(),
        },
    };
    paths.filter(|paths| (1..=MOST_NAMES).contains(&paths.len())).map(Some).ok_or(wrong)
}

fn path_of(value: &Value) -> Option<ClaimPath> {
    match value {
        Value::String(name) => ClaimPath::new(vec![name.clone()]),
        names => ClaimPath::new(texts(names)?),
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}
