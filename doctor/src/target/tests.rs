use super::*;

const APP: &str = "https://app.domain-b.com";

#[test]
fn a_path_in_the_url_is_the_endpoint_and_none_is_the_default() {
    for (url, path) in [
        ("https://a.com", "/socket.io"),
        ("https://a.com/", "/socket.io"),
        ("wss://a.com/oursocketio/", "/oursocketio"),
        ("http://a.com:8080/a/b?token=x", "/a/b"),
    ] {
        assert_eq!(Target::new(url, APP).unwrap().path, path, "{url}");
    }
    let target = Target::new("https://a.com/x?token=x", APP).unwrap();
    assert_eq!(target.path("oursocketio/").unwrap().shown(), "https://a.com/oursocketio?token=-");
}

#[test]
fn an_origin_is_one_that_browsers_send() {
    for good in [APP, "http://localhost:5173", "null", "capacitor://localhost", "https://[::1]:8443"] {
        assert_eq!(Target::new("https://a.com", good).unwrap().origin, good);
    }
    for bad in ["https://a.com/", "HTTPS://a.com", "https://a.com:443", "a.com", "*", "", "https://a.com/x"] {
        assert!(matches!(Target::new("https://a.com", bad), Err(TargetError::Origin { .. })), "{bad}");
    }
    let said = Target::new("https://a.com", "https://A.com/").unwrap_err().to_string();
    assert!(said.ends_with("did you mean https://a.com"), "{said}");
}

#[test]
fn headers_are_names_with_or_without_values_that_pages_can_set() {
    let target = Target::new("https://a.com", APP).unwrap();
    let named = target.clone().headers(&["X-B".into(), "authorization: Bearer a:b".into()]).unwrap();
    assert_eq!(named.header_names(), ["authorization", "x-b"]);
    assert_eq!(named.headers[1].value.as_ref().unwrap(), "Bearer a:b");
    assert!(matches!(target.clone().headers(&["Origin: x".into()]), Err(TargetError::ForbiddenHeader(_))));
    let secret = target.headers(&["a b: secret".into()]).unwrap_err().to_string();
    assert!(!secret.contains("secret"), "{secret}");
}
