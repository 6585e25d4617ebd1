use super::*;

fn words(text: &str) -> Vec<Known> {
    explain(text).into_iter().map(|explanation| explanation.reason).collect()
}

#[test]
fn lines_as_programs_print_them_are_known() {
    for (line, known) in [
        ("1006", Known::AbnormalClosure),
        ("websocket: close 1006 (abnormal closure): unexpected EOF", Known::AbnormalClosure),
        ("WebSocket connection closed with code 1006", Known::AbnormalClosure),
        ("CloseEvent {isTrusted: true, wasClean: false, code: 1006, reason: ''}", Known::AbnormalClosure),
        ("websocket: close 1001 (going away)", Known::GoingAway),
        ("received 1000 (OK); then sent 1000 (OK)", Known::NormalClosure),
        ("websocket: close 1005 (no status)", Known::NoStatus),
        ("close 4001 unauthorized", Known::ApplicationCode),
        (
            "WebSocket connection to 'wss://a.com/socket.io/?EIO=4&transport=websocket' failed: Error during WebSocket handshake: Unexpected response code: 400",
            Known::Status400,
        ),
        ("Unexpected response code: 403", Known::Status403),
        ("Error: Unexpected server response: 502", Known::Status502),
        ("502", Known::Status502),
        ("HTTP/1.1 301 Moved Permanently", Known::StatusRedirect),
        (r#"{"code":1,"message":"Session ID unknown"}"#, Known::SessionIdUnknown),
        (r#"{"code":5,"message":"Unsupported protocol version"}"#, Known::UnsupportedProtocolVersion),
        ("xhr poll error", Known::XhrPollError),
        ("connect_error due to websocket error", Known::WebsocketError),
        ("disconnect: ping timeout", Known::PingTimeout),
        ("transport close", Known::TransportClose),
        ("io server disconnect", Known::IoServerDisconnect),
        ("websocket: request origin not allowed by Upgrader.CheckOrigin", Known::CheckOrigin),
        ("websocket: bad handshake", Known::BadHandshake),
        ("net::ERR_CERT_COMMON_NAME_INVALID", Known::CertificateName),
        ("GET https://a.com/socket.io/ net::ERR_NAME_NOT_RESOLVED", Known::NameNotResolved),
    ] {
        assert_eq!(words(line).first(), Some(&known), "{line}");
    }
}

#[test]
fn cors_lines_of_each_browser_are_known() {
    let chromium = "Access to XMLHttpRequest at 'https://a.com/socket.io/?EIO=4' from origin 'https://b.com' has been blocked by CORS policy: ";
    for (line, known) in [
        (
            "Response to preflight request doesn't pass access control check: It does not have HTTP ok status.",
            Known::PreflightNotOk,
        ),
        (
            "Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Origin' header is present on the requested resource.",
            Known::PreflightNoAllowOrigin,
        ),
        ("Response to preflight request doesn't pass access control check", Known::PreflightFailed),
        ("No 'Access-Control-Allow-Origin' header is present on the requested resource.", Known::NoAllowOrigin),
        (
            "Request header field authorization is not allowed by Access-Control-Allow-Headers in preflight response.",
            Known::HeaderNotAllowed,
        ),
        (
            "Response to preflight request doesn't pass access control check: Redirect is not allowed for a preflight request.",
            Known::PreflightRedirected,
        ),
    ] {
        assert_eq!(words(&format!("{chromium}{line}")), [known], "{line}");
    }
    let firefox = "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at https://a.com/. ";
    for (line, known) in [
        ("(Reason: CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200.", Known::NoAllowOrigin),
        ("(Reason: CORS preflight response did not succeed). Status code: 401.", Known::PreflightNotOk),
        (
            "(Reason: header ‘authorization’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response).",
            Known::HeaderNotAllowed,
        ),
        ("(Reason: CORS request did not succeed). Status code: (null).", Known::CorsDidNotSucceed),
    ] {
        assert_eq!(words(&format!("{firefox}{line}")).first(), Some(&known), "{line}");
    }
    let safari = "Origin https://b.com is not allowed by Access-Control-Allow-Origin. Status code: 200";
    assert_eq!(words(safari).first(), Some(&Known::AllowOriginMismatch));
}

#[test]
fn every_objection_of_the_doctor_is_one_that_explain_knows() {
    use crate::cors::Objection::*;
    let name = || "authorization".to_owned();
    let value = || "x".to_owned();
    for objection in [
        NoAllowOrigin,
        WildcardWithCredentials,
        SeveralAllowOrigins(value()),
        AllowOriginInvalid(value()),
        AllowOriginMismatch(value()),
        CredentialsNotAllowed(value()),
        Redirected,
        NotOk,
        MethodsInvalid,
        HeadersInvalid,
        HeaderNotAllowed(name()),
    ] {
        let line = objection.console(true).unwrap();
        assert_eq!(explain(&line).len(), 1, "{line}");
    }
}

#[test]
fn every_close_code_of_the_rfc_is_explained() {
    for code in (1000..=1015).chain([3000, 4000, 4999]) {
        let found = explain(&code.to_string());
        assert_eq!(found.len(), 1, "{code}");
        assert_eq!(found[0].code, Some(code));
        assert!(!found[0].causes.is_empty() && !found[0].checks.is_empty(), "{code}");
    }
}

#[test]
fn what_is_not_known_is_not_guessed() {
    for line in ["", "hello", "listening on port 3000", "42", "took 1006 ms", "user 1000 logged in"] {
        assert_eq!(words(line), [], "{line}");
    }
}
