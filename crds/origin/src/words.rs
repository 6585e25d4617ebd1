//! Closed sets of words: one spelling for conditions, metric labels, JSON and people.

/// Defines an enum whose variants are the words themselves.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $word:ident,)+ }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[$word_meta])* $word,)+
        }

        impl $name {
            /// Every word of the set.
            pub const ALL: [Self; [$(Self::$word),+].len()] = [$(Self::$word),+];

            /// The word as conditions, metrics, JSON and people see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use words;
