//! When is it checked that a token is bound to its caller? One mode for certificates (RFC 8705), and one for DPoP keys (RFC
//! 9449).

/// When a binding is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BindingMode {
    /// Never.
    Ignore,
    /// For every token. A token that is not bound is rejected.
    Required,
    /// For tokens that are bound.
    #[default]
    WhenPresent,
}

impl BindingMode {
    /// All modes, in the order in which messages list them.
    pub const ALL: [BindingMode; 3] = [BindingMode::WhenPresent, BindingMode::Required, BindingMode::Ignore];

    /// The name of the mode, as in the option.
    pub fn name(self) -> &'static str {
        match self {
            BindingMode::Ignore => "dangerously_ignore",
            BindingMode::Required => "required",
            BindingMode::WhenPresent => "when_present",
        }
    }

    /// Parses the value of the option, or of a route's setting.
    pub fn named(name: &str) -> Option<BindingMode> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}
