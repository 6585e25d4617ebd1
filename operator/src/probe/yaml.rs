//! PURE: lines of YAML → what they set, for a message: `spec.origins.mode: Enforce`.

/// The fields that the lines set, each with its whole path. Comments stay behind.
#[must_use]
pub fn fields(yaml: &str) -> Vec<String> {
    let mut path: Vec<&str> = Vec::new();
    let mut fields = Vec::new();
    for line in yaml.lines() {
        let text = line.split(" #").next().unwrap_or_default().trim_end();
        let words = text.trim_start();
        let Some((name, value)) = words.split_once(':').filter(|_| !words.starts_with('#')) else { continue };
        path.truncate((text.len() - words.len()) / 2);
        path.push(name);
        if !value.trim().is_empty() {
            fields.push(format!("{}: {}", path.join("."), value.trim()));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_written_with_its_whole_path() {
        let yaml = "spec:\n  transports: [websocket]\n  # or keep polling\n  origins:\n    allow: [\"https://b.com\"]\n    mode: Enforce   # refuse";
        assert_eq!(
            fields(yaml),
            ["spec.transports: [websocket]", "spec.origins.allow: [\"https://b.com\"]", "spec.origins.mode: Enforce"]
        );
        assert!(fields("").is_empty());
    }
}
