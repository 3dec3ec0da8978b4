// The options that have a name. Generated from the crate lessor-vocabulary. DO NOT EDIT!

enum lessor_kind { LESSOR_UNKNOWN, LESSOR_ADDRESS, LESSOR_ADDRESSES, LESSOR_DOMAIN_NAMES, LESSOR_FLAG, LESSOR_I32, LESSOR_OCTETS, LESSOR_ROUTES, LESSOR_TEXT, LESSOR_U16, LESSOR_U16S, LESSOR_U32, LESSOR_U8 };

// Code, kind of value, name, and names in other software.
static const struct {
  uint8_t code;
  enum lessor_kind kind;
  const char *name, *synonyms;
} lessor_options[] = {
  {1, LESSOR_ADDRESS, "subnet-mask", "netmask"},
  {2, LESSOR_I32, "time-offset", ""},
  {3, LESSOR_ADDRESSES, "routers", "gateway default-gateway"},
  {4, LESSOR_ADDRESSES, "time-servers", ""},
  {5, LESSOR_ADDRESSES, "name-servers", ""},
  {6, LESSOR_ADDRESSES, "domain-name-servers", "dns dns-servers nameservers"},
  {7, LESSOR_ADDRESSES, "log-servers", ""},
  {8, LESSOR_ADDRESSES, "cookie-servers", ""},
  {9, LESSOR_ADDRESSES, "lpr-servers", ""},
  {12, LESSOR_TEXT, "host-name", "hostname"},
  {13, LESSOR_U16, "boot-file-size", ""},
  {15, LESSOR_TEXT, "domain-name", "domain"},
  {17, LESSOR_TEXT, "root-path", ""},
  {19, LESSOR_FLAG, "ip-forwarding", ""},
  {22, LESSOR_U16, "max-datagram-reassembly", ""},
  {23, LESSOR_U8, "default-ip-ttl", ""},
  {26, LESSOR_U16, "interface-mtu", "mtu"},
  {28, LESSOR_ADDRESS, "broadcast-address", "broadcast"},
  {31, LESSOR_FLAG, "router-discovery", ""},
  {33, LESSOR_ADDRESSES, "static-routes", ""},
  {40, LESSOR_TEXT, "nis-domain", ""},
  {41, LESSOR_ADDRESSES, "nis-servers", ""},
  {42, LESSOR_ADDRESSES, "ntp-servers", "ntp"},
  {43, LESSOR_OCTETS, "vendor-specific-information", ""},
  {44, LESSOR_ADDRESSES, "netbios-name-servers", ""},
  {46, LESSOR_U8, "netbios-node-type", ""},
  {47, LESSOR_TEXT, "netbios-scope", ""},
  {48, LESSOR_ADDRESSES, "font-servers", ""},
  {49, LESSOR_ADDRESSES, "x-display-managers", ""},
  {60, LESSOR_TEXT, "vendor-class-identifier", ""},
  {64, LESSOR_TEXT, "nisplus-domain", ""},
  {65, LESSOR_ADDRESSES, "nisplus-servers", ""},
  {66, LESSOR_TEXT, "tftp-server-name", "tftp-server"},
  {67, LESSOR_TEXT, "boot-file-name", "bootfile filename"},
  {69, LESSOR_ADDRESSES, "smtp-servers", ""},
  {70, LESSOR_ADDRESSES, "pop3-servers", ""},
  {100, LESSOR_TEXT, "posix-timezone", ""},
  {101, LESSOR_TEXT, "tzdb-timezone", ""},
  {108, LESSOR_U32, "ipv6-only-preferred", ""},
  {114, LESSOR_TEXT, "captive-portal", ""},
  {119, LESSOR_DOMAIN_NAMES, "domain-search", "search"},
  {120, LESSOR_OCTETS, "sip-servers", ""},
  {121, LESSOR_ROUTES, "classless-static-routes", "routes"},
  {125, LESSOR_OCTETS, "vendor-identifying-vendor-specific", ""},
  {138, LESSOR_ADDRESSES, "capwap-controllers", ""},
  {150, LESSOR_ADDRESSES, "tftp-servers", ""},
  {212, LESSOR_OCTETS, "6rd", ""},
};

// Options that only the server sets.
static const struct {
  uint8_t code;
  const char *name;
} lessor_reserved_options[] = {
  {0, "pad"},
  {50, "requested-address"},
  {51, "lease-time"},
  {52, "overload"},
  {53, "message-type"},
  {54, "server-identifier"},
  {55, "parameter-request-list"},
  {56, "message"},
  {57, "max-message-size"},
  {58, "renewal-time"},
  {59, "rebinding-time"},
  {61, "client-identifier"},
  {82, "relay-agent-information"},
  {118, "subnet-selection"},
  {255, "end"},
};

enum {
  LESSOR_OPTIONS = sizeof lessor_options / sizeof *lessor_options,
  LESSOR_RESERVED_OPTIONS = sizeof lessor_reserved_options / sizeof *lessor_reserved_options
};
