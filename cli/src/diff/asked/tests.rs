use super::*;

fn asked(spec: Value) -> Asked {
    Asked(
        json!({"apiVersion": manifest::API_VERSION, "kind": "RealtimeService", "metadata": {"name": "chat"}, "spec": spec}),
    )
}

fn live(annotations: Value, managed: Value, spec: Value) -> DynamicObject {
    let object = json!({"apiVersion": manifest::API_VERSION, "kind": "RealtimeService",
        "metadata": {"name": "chat", "annotations": annotations, "managedFields": managed}, "spec": spec, "status": {"replicas": 3}});
    serde_json::from_value(object).expect("an object")
}

fn there() -> Value {
    json!({"host": "a.com", "path": "/a", "workload": {"replicas": 3, "image": "i:1"}, "exposure": {"gke": {"class": "gce"}}})
}

#[test]
fn what_somebody_else_set_stays() {
    let live = live(json!({}), json!([]), there());
    let result = asked(json!({"host": "b.com"})).applied_to(Some(&live));
    let mut expected = there();
    expected["host"] = json!("b.com");
    assert_eq!(result["spec"], expected);
    assert!(result["status"].is_null());
}

#[test]
fn what_was_applied_last_and_is_not_asked_for_any_more_goes() {
    let last = json!({"spec": {"host": "a.com", "path": "/a", "workload": {"image": "i:1"}, "exposure": {"gke": {}}}})
        .to_string();
    let live = live(json!({LAST_APPLIED: last, "theirs": "x"}), json!([]), there());
    let result = asked(json!({"host": "a.com", "workload": {}, "exposure": {"none": {}}})).applied_to(Some(&live));
    assert_eq!(result["spec"], json!({"host": "a.com", "workload": {"replicas": 3}, "exposure": {"none": {}}}));
    assert_eq!(result["metadata"]["annotations"]["theirs"], "x");
}

#[test]
fn what_was_applied_by_the_server_goes_by_its_owner() {
    let owned = json!({"f:spec": {"f:host": {}, "f:path": {}, "f:workload": {"f:image": {}}, "f:exposure": {"f:gke": {"f:class": {}}}}});
    let entry = |operation: &str, fields: &Value| json!({"manager": "m", "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields});
    let scaled = json!({"f:spec": {"f:workload": {"f:replicas": {}}}});
    let live = live(json!({}), json!([entry("Apply", &owned), entry("Update", &scaled)]), there());
    let result = asked(json!({"host": "a.com"})).applied_to(Some(&live));
    assert_eq!(result["spec"], json!({"host": "a.com", "workload": {"replicas": 3}, "exposure": {"gke": {}}}));
}

#[test]
fn where_there_is_none_the_file_is_all() {
    let result = asked(json!({"host": "a.com", "auth": null})).applied_to(None);
    assert_eq!(result["spec"], json!({"host": "a.com"}));
    assert_eq!(result["metadata"]["name"], "chat");
}
