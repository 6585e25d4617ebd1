//! Schemes that a page's origin can have.

use std::fmt;

/// The scheme of an allowed origin.
///
/// Besides the web's own two, apps and extensions send origins of schemes of their own. The set is closed, so that
/// `htps://` is an error and not an entry that never matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// A packaged app or a browser extension, such as `capacitor://localhost`; exact origins only.
    App(&'static str),
}

/// `moz-extension` is absent: Firefox gives each installation a random host, which no list can name.
const APP_SCHEMES: [&str; 5] = ["app", "capacitor", "chrome-extension", "ionic", "tauri"];

impl Scheme {
    /// The accepted scheme of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => APP_SCHEMES.into_iter().find(|app| *app == name).map(Self::App),
        }
    }

    /// What an error message offers.
    pub(crate) fn offered() -> String {
        format!("https, http or, for apps and extensions, one of {}", APP_SCHEMES.join(", "))
    }

    /// The scheme as it stands in an origin.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::App(name) => name,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
