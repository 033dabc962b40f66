// Texts that are built into the binary: `import text from "./x.md" with { type: "text" }`.
declare module "*.md" {
  const text: string;
  export default text;
}
declare module "*.sh" {
  const text: string;
  export default text;
}
