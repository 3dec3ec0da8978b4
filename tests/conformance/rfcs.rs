//! Every demand, by RFC and section; see the crate's documentation.

#![allow(missing_docs)]

mod rfc951 {
    mod section_7_3;
}
mod rfc1534 {
    mod section_2;
}
mod rfc1542 {
    mod section_2_1;
}
mod rfc2131 {
    mod section_2;
    mod section_2_2;
    mod section_3;
    mod section_3_1;
    mod section_3_2;
    mod section_3_3;
    mod section_3_4;
    mod section_4_1;
    mod section_4_2;
    mod section_4_3_1;
    mod section_4_3_1_table_3;
    mod section_4_3_2;
    mod section_4_3_3;
    mod section_4_3_4;
    mod section_4_3_5;
    mod section_4_4_5;
}
mod rfc2132 {
    mod section_3_3;
    mod section_8_4;
    mod section_9_10;
    mod section_9_8;
}
mod rfc3004 {
    mod section_4;
}
mod rfc3011 {
    mod section_2;
}
mod rfc3021 {
    mod section_2_1;
}
mod rfc3046 {
    mod section_2_2;
}
mod rfc3396 {
    mod section_7;
}
mod rfc3397 {
    mod section_2;
}
mod rfc3442 {
    mod section_3;
}
mod rfc3527 {
    mod section_3;
}
mod rfc3925 {
    mod section_4;
}
mod rfc3993 {
    mod section_3;
}
mod rfc4039 {
    mod section_3;
}
mod rfc4361 {
    mod section_6;
}
mod rfc4388 {
    mod section_6_4;
}
mod rfc4578 {
    mod section_2_1;
}
mod rfc4702 {
    mod section_4;
}
mod rfc5010 {
    mod section_3;
}
mod rfc5107 {
    mod section_4;
}
mod rfc5859 {
    mod section_3;
}
mod rfc6607 {
    mod section_7;
}
mod rfc6842 {
    mod section_3;
}
mod rfc8357 {
    mod section_5;
}
mod rfc8910 {
    mod section_2_1;
}
mod rfc8925 {
    mod section_3_3;
}
mod rfc9463 {
    mod section_5_1;
}
