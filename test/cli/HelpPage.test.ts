import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Span from "@effect/cli/HelpDoc/Span"
import * as Color from "@effect/printer-ansi/Color"
import { assert, describe, it } from "@effect/vitest"
import * as HelpPage from "../../src/cli/help/HelpPage.js"

const span = Span.spans([
  Span.text("plain "),
  Span.strong("strong "),
  Span.weak("weak "),
  Span.uri("https://example.org"),
  { _tag: "Highlight", value: Span.spans([Span.text("green "), Span.strong("and strong")]), color: Color.green }
])

const list = HelpDoc.descriptionList([
  [Span.text("--flag value"), HelpDoc.blocks([HelpDoc.p("What it means."), HelpDoc.p(span)])],
  [Span.spans([Span.text("("), Span.weak("-h"), Span.text(")")]), HelpDoc.p("Help.")]
])

const documents: Readonly<Record<string, HelpDoc.HelpDoc>> = {
  nothing: HelpDoc.empty,
  "a paragraph": HelpDoc.p(span),
  "a paragraph of several lines": HelpDoc.p("    one\n    two"),
  "a heading": HelpDoc.h1(Span.spans([Span.text("A "), Span.code("heading")])),
  "a list of flags": list,
  "a list of commands": HelpDoc.enumeration([HelpDoc.p("serve  serves"), HelpDoc.p(span)]),
  "a page": HelpDoc.blocks([HelpDoc.h1("USAGE"), HelpDoc.p(span), HelpDoc.h1("OPTIONS"), list, HelpDoc.p("The end.")])
}

describe("HelpPage.text", () => {
  for (const [name, document] of Object.entries(documents)) {
    it(`prints ${name} like @effect/cli`, () =>
      assert.strictEqual(HelpPage.text(document).trimEnd(), HelpDoc.toAnsiText(document).trimEnd()))
  }
})
