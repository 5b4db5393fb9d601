/** The local cloud that the tests run against: who calls `npm test` names it in CLOUDACT_TEST_CLOUD, as pytest does. */

export interface Cloud {
  url: string;
  org: string;
  key: string;
  session: string;
  date: string;
  today: string;
  /** A signature that the service made. */
  webhook: { secret: string; header: string; body: string };
}

const text = process.env["CLOUDACT_TEST_CLOUD"];
export const cloud: Cloud = text ? JSON.parse(text) : { url: "http://localhost", webhook: {} };
/** Option of a test that needs the local cloud: the reason why it is left out, if it is. */
export const needsCloud = { skip: text ? false : "CLOUDACT_TEST_CLOUD is not set: tests/clients/test_typescript.py sets it" };
