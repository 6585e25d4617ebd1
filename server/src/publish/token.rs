//! The tokens of programs, from a file that changes.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Mutex, MutexGuard},
};

use http::HeaderValue;

/// Shorter ones are guessed.
const SHORTEST: usize = 16;
/// Most bytes of the file.
const LONGEST: u64 = 64 * 1024;

/// The tokens that may publish.
pub(super) struct Tokens {
    file: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    stamp: Option<Stamp>,
    tokens: Vec<String>,
    problem: Option<String>,
}

/// What tells one version of the file from another.
type Stamp = Option<(u64, u64, i64, i64)>;

/// What a token is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may publish.
    Good,
    /// It may not.
    Refused,
    /// There is none to compare with.
    NoToken(String),
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, inner: Mutex::default() }
    }

    /// Judges what a request carries as `Authorization`.
    pub(super) fn judge(&self, authorization: Option<&HeaderValue>) -> Verdict {
        let inner = self.current();
        if let Some(problem) = &inner.problem {
            return Verdict::NoToken(problem.clone());
        }
        let Some(presented) = authorization.and_then(bearer) else { return Verdict::Refused };
        // All of them, and no early end: the time tells nothing.
        let good = inner.tokens.iter().filter(|token| is_same(token.as_bytes(), presented)).count();
        if good > 0 { Verdict::Good } else { Verdict::Refused }
    }

    /// What is wrong with the file.
    pub(super) fn problem(&self) -> Option<String> {
        self.current().problem.clone()
    }

    /// As the file is now. One that went, or that holds nothing, lets nobody in.
    fn current(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().expect("nothing panics under this lock");
        let metadata = fs::metadata(&self.file).ok();
        let stamp = metadata.map(|m| (m.ino(), m.size(), m.mtime(), m.mtime_nsec()));
        if inner.stamp != Some(stamp) {
            let (tokens, problem) = match self.read() {
                Ok(tokens) => (tokens, None),
                Err(problem) => (Vec::new(), Some(problem)),
            };
            match &problem {
                Some(problem) => tracing::warn!("nobody may publish: {problem}"),
                None => tracing::info!(tokens = tokens.len(), "tokens that may publish are in force"),
            }
            *inner = Inner { stamp: Some(stamp), tokens, problem };
        }
        inner
    }

    fn read(&self) -> Result<Vec<String>, String> {
        let unreadable = |error: io::Error| format!("{} cannot be read: {error}", self.file.display());
        let size = fs::metadata(&self.file).map_err(unreadable)?.len();
        if size > LONGEST {
            return Err(format!("{} has {size} bytes; {LONGEST} are the most", self.file.display()));
        }
        let text = fs::read_to_string(&self.file).map_err(unreadable)?;
        let tokens: Vec<String> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if tokens.is_empty() {
            return Err(format!("{} holds no token", self.file.display()));
        }
        match tokens.iter().position(|token| token.len() < SHORTEST) {
            Some(line) => Err(format!("token {} is shorter than {SHORTEST} characters", line + 1)),
            None => Ok(tokens),
        }
    }
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn is_same(token: &[u8], presented: &[u8]) -> bool {
    let differs = token.iter().zip(presented).fold(0, |differs, (one, other)| differs | (one ^ other));
    token.len() == presented.len() && std::hint::black_box(differs) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "one-token-of-many-letters";
    const OTHER: &str = "other-token-of-many-letters";

    fn judge(tokens: &Tokens, header: &str) -> Verdict {
        tokens.judge(Some(&HeaderValue::from_str(header).expect("a header")))
    }

    #[test]
    fn a_changed_file_counts_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        let tokens = Tokens::new(file.clone());
        assert!(matches!(judge(&tokens, &format!("Bearer {ONE}")), Verdict::NoToken(_)));
        fs::write(&file, format!("{ONE}\n")).expect("written");
        assert_eq!(judge(&tokens, &format!("bearer {ONE}")), Verdict::Good);
        assert_eq!(judge(&tokens, &format!("Bearer {OTHER}")), Verdict::Refused);
        assert_eq!(judge(&tokens, &format!("Basic {ONE}")), Verdict::Refused);
        assert_eq!(judge(&tokens, "Bearer "), Verdict::Refused);
        assert_eq!(tokens.judge(None), Verdict::Refused);
        fs::write(&file, format!("{ONE}\n\n{OTHER}\n")).expect("written");
        assert_eq!(judge(&tokens, &format!("Bearer {ONE}")), Verdict::Good);
        assert_eq!(judge(&tokens, &format!("Bearer {OTHER}")), Verdict::Good);
        fs::remove_file(&file).expect("removed");
        assert!(matches!(judge(&tokens, &format!("Bearer {ONE}")), Verdict::NoToken(_)));
    }

    #[test]
    fn a_file_with_a_short_token_lets_nobody_in_and_is_not_repeated() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        fs::write(&file, format!("{ONE}\nhush\n")).expect("written");
        let problem = Tokens::new(file).problem().expect("a problem");
        assert!(problem.contains("token 2") && !problem.contains("hush"), "{problem}");
    }
}
