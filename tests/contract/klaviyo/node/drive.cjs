// Drives a sandbox with the official Node SDK, headers as it sends them; prints one JSON object of what came back.
const K = require("klaviyo-api");
const [url, key] = process.argv.slice(2);
const session = new K.ApiKeySession(key);
const api = (Kind) => Object.assign(new Kind(session), { basePath: url });
const [profiles, events, metrics, lists] = [K.ProfilesApi, K.EventsApi, K.MetricsApi, K.ListsApi].map(api);
const [segments, flows, privacy, templates] = [K.SegmentsApi, K.FlowsApi, K.DataPrivacyApi, K.TemplatesApi].map(api);
const [accounts, campaigns] = [K.AccountsApi, K.CampaignsApi].map(api);
const profile = (attributes) => ({ data: { type: "profile", attributes } });
const metric = (name) => ({ data: { type: "metric", attributes: { name } } });
const refused = async (call) => call.then(() => 0, (error) => error.response.status);
const cotton = {
  conditionGroups: [{ conditions: [{ type: "profile-property", property: "properties['m']",
    filter: { type: "list", operator: "contains", value: "cotton" } }] }],
};

async function main() {
  const found = {};
  const ada = { email: "ada@shop.cn", phoneNumber: "+8613800138000", properties: { m: ["cotton"] } };
  const id = (await profiles.createOrUpdateProfile(profile(ada))).body.data.id;
  for (const name of ["bo", "cy", "di"]) await profiles.createProfile(profile({ email: `${name}@shop.cn` }));
  found.conflict = await refused(profiles.createProfile(profile({ email: "ada@shop.cn" })));
  await profiles.updateProfile(id, { data: { type: "profile", id, attributes: { firstName: "Ada" } } });
  const one = (await profiles.getProfile(id, { additionalFieldsProfile: ["subscriptions"], include: ["lists"] })).body;
  found.created = one.data.attributes.created instanceof Date;
  found.consent = one.data.attributes.subscriptions.sms.marketing.consent;
  found.pages = [];
  let cursor;
  do {
    const page = (await profiles.getProfiles({ pageSize: 3, sort: "-email", pageCursor: cursor })).body;
    found.pages.push(page.data.map((row) => row.attributes.email));
    cursor = page.links.next;
  } while (cursor);
  const event = { uniqueId: "n1", properties: { tags: ["x"] }, value: 9.5, metric: metric("Placed Order"), profile: profile({ email: "ada@shop.cn" }) };
  await events.createEvent({ data: { type: "event", attributes: event } });
  const row = { type: "event", attributes: { uniqueId: "n2", properties: {}, metric: metric("Viewed") } };
  const entry = { type: "event-bulk-create", attributes: { profile: profile({ email: "ada@shop.cn" }), events: { data: [row] } } };
  await events.bulkCreateEvents({ data: { type: "event-bulk-create-job", attributes: { eventsBulkCreate: { data: [entry] } } } });
  const seen = (await events.getEvents({ include: ["profile"], sort: "-datetime", filter: "greater-than(datetime,2020-01-01T00:00:00Z)" })).body;
  found.events = seen.data.length;
  found.included = seen.included.map((resource) => resource.type);
  const orders = (await metrics.getMetrics({ filter: 'equals(integration.name,"API")' })).body.data.find((m) => m.attributes.name === "Placed Order").id;
  const jobBody = { profiles: { data: [{ type: "profile", attributes: { email: "ed@shop.cn" } }] } };
  const job = (await profiles.bulkImportProfiles({ data: { type: "profile-bulk-import-job", attributes: jobBody } })).body.data;
  found.job = [(await profiles.getBulkImportProfilesJob(job.id)).body.data.attributes.status];
  found.job.push((await profiles.getBulkImportProfilesJob(job.id)).body.data.attributes.status);
  const list = (await lists.createList({ data: { type: "list", attributes: { name: "L" } } })).body.data.id;
  await lists.addProfilesToList(list, { data: [{ type: "profile", id }] });
  found.members = (await lists.getProfilesForList(list)).body.data.map((row) => row.attributes.email);
  const subscribe = (consent, kind) => ({ data: { type: `profile-subscription-bulk-${kind}-job`, attributes: { profiles: { data: [
    { type: "profile", attributes: { phoneNumber: ada.phoneNumber, subscriptions: { sms: { marketing: { consent } } } } }] } } } });
  const said = async () => (await profiles.getProfile(id, { additionalFieldsProfile: ["subscriptions"] })).body.data.attributes.subscriptions.sms.marketing.consent;
  await profiles.bulkSubscribeProfiles(subscribe("SUBSCRIBED", "create"));
  found.agreed = await said();
  await profiles.bulkUnsubscribeProfiles(subscribe("UNSUBSCRIBED", "delete"));
  found.withdrawn = await said();
  const segment = (await segments.createSegment({ data: { type: "segment", attributes: { name: "S", definition: cotton, isStarred: true } } })).body.data;
  found.starred = segment.attributes.isStarred;
  found.segment = (await segments.getProfilesForSegment(segment.id)).body.data.map((row) => row.attributes.email);
  await segments.updateSegment(segment.id, { data: { type: "segment", id: segment.id, attributes: { name: "T" } } });
  const action = { temporaryId: "a", type: "send-sms", links: { next: null }, data: { message: { body: "hi" }, status: "draft" } };
  const definition = { triggers: [{ type: "metric", id: orders }], entryActionId: "a", actions: [action] };
  const flow = (await flows.createFlow({ data: { type: "flow", attributes: { name: "F", definition } } })).body.data.id;
  await flows.updateFlow(flow, { data: { type: "flow", id: flow, attributes: { status: "live" } } });
  found.flow = (await flows.getFlow(flow, { additionalFieldsFlow: ["definition"] })).body.data.attributes.status;
  found.actions = (await flows.getActionsForFlow(flow)).body.data.length;
  await flows.deleteFlow(flow);
  await segments.deleteSegment(segment.id);
  await lists.deleteList(list);
  await templates.createTemplate({ data: { type: "template", attributes: { name: "T", editorType: "CODE", html: "<p>x</p>" } } });
  found.templates = (await templates.getTemplates()).body.data.length;
  found.campaigns = (await campaigns.getCampaigns("equals(messages.channel,'sms')")).body.data.length;
  found.account = (await accounts.getAccounts()).body.data[0].attributes.testAccount;
  await privacy.requestProfileDeletion({ data: { type: "data-privacy-deletion-job", attributes: { profile: profile({ email: "ed@shop.cn" }) } } });
  found.unmodelled = await refused(api(K.CouponsApi).createCoupon({ data: { type: "coupon", attributes: { externalId: "C" } } }));
  console.log(JSON.stringify(found));
}

main().catch((error) => {
  console.error(error.response ? JSON.stringify(error.response.data) : error);
  process.exit(1);
});
