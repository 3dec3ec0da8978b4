//! Clients that boot by HTTP (UEFI specification, "HTTP Boot"): they read the URL in the header or
//! in option 67, and ignore an offer without their vendor class.

use lessor_core::{BootClient, BootFileName, BootFiles, OptionValue, Terms};

use crate::support::*;

#[test]
fn a_client_that_boots_by_http_gets_a_url_that_only_option_67_has_room_for() {
    let url = format!("http://boot.example/{}.efi", "x".repeat(150));
    let of_option = OptionValue::Text(url.clone());
    let mut network = network();
    network.subnets[0].options = options([(67, of_option.clone())]);
    let mut server = Server::new(network.clone());
    let http = &b"HTTPClient:Arch:00016:UNDI:003001"[..];
    let texts = |server: &mut Server, class: &[u8], asked: &[u8], terms: &Terms| {
        let request = with(discover(1), |r| {
            r.options.append(60, class);
            r.parameter_request_list = asked.iter().copied().collect();
        });
        let decision = server.ask_under(&request, terms);
        [60, 67].map(|code| option(reply(&decision), code).cloned())
    };
    let class = Some(OptionValue::Text("HTTPClient".to_owned()));
    let plain = Terms::default();
    for asked in [&[1, 3, 67, 60][..], &[1, 3]] {
        let found = texts(&mut server, http, asked, &plain);
        assert_eq!(found, [class.clone(), Some(of_option.clone())], "{asked:?}");
    }
    assert_eq!(texts(&mut server, b"PXEClient", &[1, 3], &plain), [None, None]);
    // A policy sets it or removes it.
    let by_policy = OptionValue::Text("http://192.0.2.1/p.efi".to_owned());
    for value in [Some(by_policy), None] {
        let options = vec![(67, value.clone().map(Into::into))];
        let terms = Terms { options, ..Terms::default() };
        let class = class.clone().filter(|_| value.is_some());
        assert_eq!(texts(&mut server, http, &[1, 3], &terms), [class, value]);
    }
    // With another file in the header, for clients that cannot read the option.
    network.subnets[0].settings = settings(|fields| {
        let name = BootFileName::new("undionly.kpxe").unwrap();
        fields.boot.files = BootFiles::from(vec![(BootClient::Other, name)]);
    });
    let mut server = Server::new(network);
    assert_eq!(texts(&mut server, http, &[1, 3], &plain), [class, Some(of_option)]);
}
