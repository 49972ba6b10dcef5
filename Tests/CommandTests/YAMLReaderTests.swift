// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import bilge

@Suite("the part of YAML that is read")
struct YAMLReaderTests {
    /// A value as one would write it in JSON.
    private func text(_ node: YAMLNode) -> String {
        switch node.value {
        case .nothing: "null"
        case .scalar(let text): "\"\(text)\""
        case .list(let nodes): "[" + nodes.map(text).joined(separator: ",") + "]"
        case .map(let pairs): "{" + pairs.map { "\($0.key):\(text($0.value))" }.joined(separator: ",") + "}"
        }
    }

    @Test(
        "means what YAML says, with every value as it was written",
        arguments: [
            ("", "null"), ("# only a comment\n\n", "null"), ("a: b", "{a:\"b\"}"), ("a:\n", "{a:null}"),
            ("a: b\r\nc: d\r\n", "{a:\"b\",c:\"d\"}"), ("\u{FEFF}a: b", "{a:\"b\"}"), ("---\na: b\n", "{a:\"b\"}"),
            ("--- # one\na: b", "{a:\"b\"}"), ("  a: b\n  c: d", "{a:\"b\",c:\"d\"}"),
            ("a:\n  b: 1\n  c:\n    d: 2\ne: 3", "{a:{b:\"1\",c:{d:\"2\"}},e:\"3\"}"),
            ("a:\n  - x\n  - y\nb: z", "{a:[\"x\",\"y\"],b:\"z\"}"),
            ("a:\n- x\n- y\nb: z", "{a:[\"x\",\"y\"],b:\"z\"}"),
            ("- x\n-\n- 'y'", "[\"x\",null,\"y\"]"), ("a: [x, 'y, z' ,\"w\"]", "{a:[\"x\",\"y, z\",\"w\"]}"),
            ("a: []", "{a:[]}"), ("a: [ ] # none", "{a:[]}"), ("a: b # c\n# d\ne: f", "{a:\"b\",e:\"f\"}"),
            ("a: b#c", "{a:\"b#c\"}"), ("a: 'b # c'", "{a:\"b # c\"}"), ("a: 'it''s'", "{a:\"it's\"}"),
            ("a: \"q \\\" \\\\ \\/\"", "{a:\"q \" \\ /\"}"), ("'a b': c", "{a b:\"c\"}"), ("\"a\" : c", "{a:\"c\"}"),
            ("a: b:c", "{a:\"b:c\"}"), ("a: host:5000/x:1", "{a:\"host:5000/x:1\"}"), ("a:b: c", "{a:b:\"c\"}"),
            ("a: yes\nb: 0x10\nc: ~\nd: -1", "{a:\"yes\",b:\"0x10\",c:\"~\",d:\"-1\"}"),
            ("a: x*\nb: size>=5GB\nc: label!=k=v", "{a:\"x*\",b:\"size>=5GB\",c:\"label!=k=v\"}"),
            ("a: [label!=k, size>=1B]", "{a:[\"label!=k\",\"size>=1B\"]}"), ("a: ''", "{a:\"\"}"),
            ("ä: ö", "{ä:\"ö\"}"),
            ("a:   b   \n\n   # c\n", "{a:\"b\"}"), ("a: b # a tab\there", "{a:\"b\"}"),
        ])
    func reads(yaml: String, says: String) throws {
        #expect(try text(YAMLReader.read(yaml)) == says)
    }

    @Test(
        "refuses what it does not read, with the line",
        arguments: [
            ("a: &x b", 1, "anchors"), ("a: b\nc: *x", 2, "anchors"), ("&x a: b", 1, "anchors"),
            ("a:\n  - *x", 2, "anchors"),
            ("a: !!int 3", 1, "tags"), ("a: {b: c}", 1, "braces"), ("{}", 1, "braces"), ("{a: b}", 1, "braces"),
            ("a: |\n  b", 1, "several lines"), ("a: >-\n  b", 1, "several lines"), ("\ta: b", 1, "tab"),
            ("a:\n\tb: c", 2, "tab"), ("a: b\tc", 1, "tab"), ("a:\tb", 1, "key"),
            ("a: b\na: c", 2, "twice, first in line 1"),
            ("x:\n  a: b\n  'a': c", 3, "twice"), ("a: b\n---\nc: d", 2, "another document"),
            ("---\n---\na: b", 2, "another document"), ("a: b\n...\n", 2, "another document"),
            ("--- a", 1, "another document"), ("%YAML 1.2\n---\na: b", 1, "directives"), ("a", 1, "no key"),
            ("a:b", 1, "no key"), (": b", 1, "needs quotes"), ("a: b: c", 1, "colon"), ("a: b:", 1, "colon"),
            ("a: b\n  c", 2, "one line"), ("a: b\n  c: d", 2, "one line"), ("a:\n    b: c\n  d: e", 3, "indented"),
            ("  a: b\nc: d", 2, "indented"), ("a:\n  b: c\n    d: e", 3, "one line"), ("- a\n  b: c", 2, "one line"),
            ("- a\nb: c", 2, "indented"), ("a: b\n- c", 2, "list"), ("- - a", 1, "quotes"), ("- a: b", 1, "colon"),
            ("a: - b", 1, "quotes"), ("a: ? b", 1, "quotes"), ("a: [b", 1, "ends in the line"),
            ("a: [b,\n  c]", 1, "ends in the line"), ("a: [b,]", 1, "missing"), ("a: [,b]", 1, "missing"),
            ("a: [[b]]", 1, "quotes"), ("a: [b] c", 1, "nothing may follow"), ("a: [b # c]", 1, "ends in the line"),
            ("a: 'b", 1, "not closed"), ("a: \"b\\n\"", 1, "backslash"), ("a: \"b\" c", 1, "nothing may follow"),
            ("a: 'b'#c", 1, "nothing may follow"), ("a: @b", 1, "quotes"), ("a: %b", 1, "quotes"),
            ("a: `b`", 1, "quotes"),
            ("a: b\u{0}c", 1, "U+0"), ("a: \u{1B}[31m", 1, "U+1B"), ("a: ]", 1, "quotes"),
            ("a:\n b:\n  c:\n   d:\n    e:\n     f:\n      g:\n       h:\n        i: j", 9, "too deeply"),
        ])
    func refuses(yaml: String, line: Int, says: String) {
        let error = #expect(throws: PolicyFileError.self) { try YAMLReader.read(yaml) }
        #expect(error?.line == line && error?.reason.contains(says) == true, "\(String(describing: error))")
    }

    @Test("any part of a file is read or refused, and never more than the file says")
    func parts() throws {
        let whole = "---\na: [b, 'c'] # d\ne:\n  f: \"g\"\n  h:\n  - i\n  - j\nk: l\n"
        for count in 0...whole.utf8.count {
            guard let part = String(whole.utf8.prefix(count)) else { continue }
            do throws(PolicyFileError) {
                let node = try YAMLReader.read(part)
                if case .map(let pairs) = node.value { #expect(pairs.count <= 3 && pairs.first?.key == "a") }
            } catch {
                #expect(error.line <= part.split(separator: "\n", omittingEmptySubsequences: false).count)
            }
        }
    }
}
