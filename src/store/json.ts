/** JSON in files that anybody may have changed: what is not as it should be is not there. */

import * as v from "valibot";

/** Null where the text is no JSON, or has another shape. */
export function parsedAs<T extends v.GenericSchema>(
  schema: T,
  text: string,
): v.InferOutput<T> | null {
  try {
    const parsed = v.safeParse(schema, JSON.parse(text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
