import * as Either from "effect/Either"
import { assert, describe, it } from "vitest"
import * as HookTemplate from "../../src/http/HookTemplate.js"

const render = (template: string, payload: unknown) =>
  Either.match(HookTemplate.parse(template), {
    onLeft: (mistake) => `mistake: ${mistake}`,
    onRight: (parsed) => HookTemplate.render(parsed, payload)
  })

const payload = {
  app: "shop",
  ok: true,
  runs: 3,
  ref: "refs/heads/feature/x",
  id: "0123456789abcdef",
  text: "  first\nsecond",
  deep: { "with-dash": { list: [{ n: "a" }, { n: "b" }] } },
  many: [1, 2, 3, 4, 5, 6, 7],
  empty: ""
}

describe("HookTemplate", () => {
  const table: ReadonlyArray<readonly [template: string, line: string]> = [
    ["{app}: {ok} {runs}", "shop: true 3"],
    ["{deep.with-dash.list.1.n} {deep.with-dash.list.-1.n}", "b b"],
    ["{deep.with-dash.list.*.n}", "a, b"],
    ["{many.*}", "1, 2, 3, 4, 5 and 2 more"],
    ["{missing|empty|app}", "shop"],
    ["[{missing}] {app}", "[] shop"],
    ["{missing} and {empty}", ""],
    ["{text:first} {id:short} {ref:ref} {app:upper}", "first 0123456 feature/x SHOP"],
    ["{many:count} {many:count run} {deep.with-dash.list.0:count} {runs:count line}", "7 7 runs 3 lines"],
    ["{text}", "first second"],
    ["{{app} {app}", "{app} shop"],
    ["{app} is }", "shop is }"],
    // What every object has is no part of the payload.
    ["{constructor} {app.length} {__proto__} {app}", "shop"]
  ]
  for (const [template, line] of table) {
    it(`renders ${template}`, () => assert.strictEqual(render(template, payload), line))
  }

  it("makes one line of what senders write, whatever they write", () => {
    const text = "a\r\nb\u2028c\u0000d\u001b[2Je\u0085f\tg"
    assert.strictEqual(render("{text}", { text }), "a b c d [2Je f g")
  })

  it("cuts a line at 1,000 code points", () => {
    assert.strictEqual(render("{text}", { text: "\u{1f600}".repeat(1000) }), "\u{1f600}".repeat(1000))
    assert.strictEqual(render("{text}", { text: "\u{1f600}".repeat(1001) }), `${"\u{1f600}".repeat(999)}…`)
  })

  it("says what is wrong with a template", () => {
    assert.match(render("no field", {}), /^mistake: a template has a field/u)
    assert.match(render("{a", {}), /^mistake: a \{ has no \}/u)
    assert.match(render("{a b}", {}), /^mistake: \{a b\} is not a field/u)
    assert.match(render("{}", {}), /^mistake: \{\} is not a field/u)
    assert.match(render("{a:lower}", {}), /^mistake: \{a:lower\}: after the colon comes first/u)
    assert.match(render("{a:first line}", {}), /^mistake: \{a:first line\}: after the colon/u)
    assert.match(render("{a}\n{b}", {}), /^mistake: a template is one line/u)
  })
})
