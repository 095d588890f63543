import type { IncomingHttpHeaders } from "node:http"
import { assert } from "vitest"
import * as OpenApi from "../../src/http/OpenApi.js"

/** Compares answers of the HTTP door with what `/openapi.json` says of them. */

interface Schema {
  readonly $ref?: string
  readonly oneOf?: ReadonlyArray<Schema>
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: ReadonlyArray<string>
  readonly items?: Schema
  readonly const?: unknown
}

interface Operation {
  readonly parameters?: ReadonlyArray<{ readonly name: string; readonly in: string }>
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >
}

export interface Answer {
  readonly status: number
  readonly text: string
  /** Undefined if it is not JSON. */
  readonly json: unknown
}

export const schemas = OpenApi.description.components.schemas as unknown as Readonly<Record<string, Schema>>

/** By path and method. */
export const paths = OpenApi.description.paths as unknown as Readonly<
  Record<string, Readonly<Record<string, Operation>>>
>

/** What is wrong with a value; undefined if it has the schema. */
export const faultOf = (value: unknown, schema: Schema, where = "it"): string | undefined => {
  if (schema.$ref !== undefined) return faultOf(value, schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {}, where)
  if (schema.oneOf !== undefined) {
    return schema.oneOf.some((one) => faultOf(value, one) === undefined) ? undefined : `${where} is none of them`
  }
  if ("const" in schema) return value === schema.const ? undefined : `${where} is not ${schema.const}`
  switch (schema.type) {
    case "string":
      return typeof value === "string" ? undefined : `${where} is no string`
    case "integer":
      return Number.isInteger(value) ? undefined : `${where} is no integer`
    case "boolean":
      return typeof value === "boolean" ? undefined : `${where} is no boolean`
    case "array":
      if (!Array.isArray(value)) return `${where} is no array`
      return value.map((one, at) => faultOf(one, schema.items ?? {}, `${where}[${at}]`)).find((fault) => fault)
    case "object": {
      if (typeof value !== "object" || value === null) return `${where} is no object`
      const { properties, required = [] } = schema
      const missing = required.find((key) => !(key in value))
      if (missing !== undefined) return `${where} has no ${missing}`
      if (properties === undefined) return undefined
      return Object.entries(value)
        .map(([key, one]) =>
          properties[key] === undefined ? `${where} has ${key}` : faultOf(one, properties[key], `${where}.${key}`)
        )
        .find((fault) => fault)
    }
    default:
      return undefined
  }
}

/** The described path that a target is of, such as `/send/{names}`; undefined if it is of none. */
export const pathOf = (target: string): string | undefined =>
  Object.keys(paths).find((path) => new RegExp(`^${path.replaceAll(/\{\w+\}/gu, "[^/?]+")}(?:\\?|$)`, "u").test(target))

/** The events of a stream that are no messages: HTML, section 9.2, has `message` where there is no name. */
const otherEvents: ReadonlySet<string> = new Set(["gap", "returned", "closing", "closed"])

/** The same for a response that has not ended, of which some has come. */
export const checkOpen = (
  target: string,
  { headers, status, text }: { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string }
): void => {
  const described = paths[pathOf(target) ?? ""]?.["get"]?.responses[String(status)]
  assert.isDefined(described, `GET ${target} answers ${status}: ${text}`)
  const type = String(headers["content-type"]).split(";")[0] ?? ""
  if (status !== 204) assert.property(described?.content ?? {}, type)
  if (type !== "text/event-stream") return
  // The last one may not have come as a whole.
  for (const event of text.split("\n\n").slice(0, -1)) {
    const data = /^data: (.*)$/mu.exec(event)?.[1]
    const name = /^event: (.*)$/mu.exec(event)?.[1]
    if (data === undefined) continue
    if (name === undefined) assert.isUndefined(faultOf(JSON.parse(data), schemas["Line"] ?? {}), event)
    else assert.isTrue(otherEvents.has(name), event)
  }
}

/**
 * Fails if the description has not this status for the request, or another body. Other methods than those described,
 * and other paths, are none of the description.
 */
export const check = (method: string, target: string, { json, status, text }: Answer): void => {
  const operation = paths[pathOf(target) ?? ""]?.[method.toLowerCase()]
  if (operation === undefined) return
  const described = operation.responses[String(status)]
  assert.isDefined(described, `${method} ${target} answers ${status}: ${text}`)
  const content = described?.content ?? {}
  const schema = content["application/json"]?.schema
  if (schema !== undefined) assert.isUndefined(faultOf(json, schema), text)
  else if (Object.keys(content).length === 0) assert.strictEqual(text, "")
}
