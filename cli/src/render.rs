//! `render`: the operator's own plan, printed.

use anyhow::Result;
use realtime_crds::{ValidService, warnings};
use realtime_operator::plan::{Child, Settings, plan, yaml};
use serde_json::json;

use crate::{
    input,
    options::{Format, Render},
    verdict::Verdict,
};

pub(crate) fn run(options: &Render) -> Result<Verdict> {
    let mut settings = Settings::default();
    if let Some(image) = &options.server_image {
        settings.server_image.clone_from(image);
    }
    let mut children: Vec<Child> = Vec::new();
    let mut verdict = Verdict::Good;
    for mut service in input::services(&options.file)? {
        service.metadata.namespace.get_or_insert_with(|| options.namespace.clone());
        for warned in warnings::warnings(&service) {
            eprintln!("warning: {warned}");
            verdict = if options.strict_warnings { Verdict::Warning } else { verdict };
        }
        let valid =
            ValidService::new(&service).map_err(|problems| anyhow::anyhow!(realtime_crds::sentence(&problems)))?;
        for warning in valid.origins().warnings() {
            eprintln!("warning: {}", realtime_crds::Problem::of_origins(warning));
            verdict = Verdict::Warning;
        }
        children.extend(plan(&valid, &settings).into_children());
    }
    match options.output {
        Format::Json => {
            let items: Vec<_> = children.into_iter().map(|child| child.object).collect();
            println!("{}", serde_json::to_string_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": items}))?);
        }
        Format::Yaml => print!("{}", yaml(&children)),
    }
    Ok(verdict)
}
