//! As much of Markdown as the pages use: links, headings' anchors as GitHub makes them, and fenced blocks.

use std::collections::BTreeSet;

/// What is in a page.
#[derive(Default)]
pub struct Page {
    pub links: Vec<String>,
    pub anchors: BTreeSet<String>,
    pub blocks: Vec<Block>,
}

/// A fenced block.
pub struct Block {
    pub language: String,
    pub text: String,
}

impl Page {
    pub fn new(text: &str) -> Self {
        let mut page = Self::default();
        let (mut block, mut paragraph) = (None::<Block>, String::new());
        for line in text.lines() {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut block, fence) {
                (Some(_), Some(_)) => page.blocks.extend(block.take()),
                (Some(block), None) => block.text += &format!("{line}\n"),
                (None, Some(language)) => {
                    block = Some(Block { language: language.trim().to_owned(), text: String::new() });
                }
                (None, None) if line.trim().is_empty() => page.paragraph(&std::mem::take(&mut paragraph)),
                (None, None) => {
                    if line.starts_with('#') {
                        page.heading(line);
                    }
                    paragraph += &format!("{line}\n");
                }
            }
        }
        assert!(block.is_none(), "a block has no end");
        page.paragraph(&paragraph);
        page
    }

    fn paragraph(&mut self, text: &str) {
        let prose: String = text.split('`').step_by(2).collect();
        for rest in prose.split("](").skip(1) {
            let link = rest.split_once(')').map_or(rest, |(link, _)| link);
            self.links.push(link.split_whitespace().next().unwrap_or_default().to_owned());
        }
    }

    fn heading(&mut self, line: &str) {
        let mut words = String::new();
        for (number, part) in line.trim_start_matches('#').trim().split("](").enumerate() {
            words += if number == 0 { part } else { part.split_once(')').map_or("", |(_, after)| after) };
        }
        let words = words.to_lowercase();
        let slug = words.chars().filter_map(|it| match it {
            ' ' => Some('-'),
            it if it.is_alphanumeric() || it == '-' || it == '_' => Some(it),
            _ => None,
        });
        let slug: String = slug.collect();
        let numbered = (1..).map(|number| format!("{slug}-{number}"));
        let free = std::iter::once(slug.clone()).chain(numbered).find(|slug| !self.anchors.contains(slug));
        self.anchors.extend(free);
    }
}
