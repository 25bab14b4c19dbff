/** Dialogues of one step, of which there are many: a packet that makes the broker close. */
import { type Dialogue, type DialogueOptions, dialogue, in45 } from "./dialogue.ts";

/**
 * A connected client sends `text`; the broker closes.
 *
 * @param codes What a DISCONNECT of 5.0 may say; without them Malformed Packet or Protocol Error.
 */
export function refused(
  id: string,
  title: string,
  statements: readonly string[],
  options: DialogueOptions,
  text: string,
  ...codes: number[]
): Dialogue[] {
  return dialogue(id, title, statements, options, async (t) => {
    const a = await t.connect("a");
    a.send(text);
    await a.expectClosed(...codes);
  });
}

/**
 * A CONNECT that the broker refuses: it closes, in 5.0 perhaps after a CONNACK with one of `codes`.
 * In 3.1.1 it closes without CONNACK [3.1.1 MQTT-3.1.4-1].
 */
export function refusedConnect(
  id: string,
  title: string,
  statements: readonly string[],
  options: DialogueOptions,
  text: string,
  ...codes: number[]
): Dialogue[] {
  return dialogue(id, title, statements, { ...options, anonymous: true }, async (t) => {
    const a = await t.open("a");
    a.send(text);
    await a.expectClosed(...(t.version === 5 ? codes : []));
  });
}

/**
 * SUBSCRIBE with a Topic Filter that breaks the rules: SUBACK with a failure, or the end of the
 * connection. 3.1 has no such code and is not asked.
 */
export function refusedFilter(
  id: string,
  title: string,
  statements: readonly string[],
  topicFilter: string,
  options: DialogueOptions = in45,
): Dialogue[] {
  return dialogue(id, title, statements, options, async (t) => {
    const a = await t.connect("a");
    a.send(`82 {0001 <> "${topicFilter}" 00}`);
    // Topic Filter invalid, or a less exact failure; 3.1.1 has one code only.
    const codes = t.version === 5 ? ["8f", "80", "87"] : ["80"];
    await a.expectOneOfOrClosed(
      codes.map((code) => `90 {0001 <> ${code}}`),
      ...[0x81, 0x82, 0x8f],
    );
  });
}
