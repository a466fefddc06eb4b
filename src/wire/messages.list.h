/*
 * messages.list.h - the catalogue: every message of the web and mobile trackers, once
 *
 * MESSAGE(id, platform, name, flags, fields) with fields a run of FIELD(message, kind, name) in wire order.  Define both
 * macros, include this file, undefine them.  No include guard on purpose.
 *
 * flags: T sent by trackers, D in the DOM recording file, V in the devtools recording file.
 */
#define T WIRE_FROM_TRACKER
#define D WIRE_IN_DOM_FILE
#define V WIRE_IN_DEVTOOLS

MESSAGE(0, WEB, Timestamp, T | D | V, FIELD(Timestamp, UINT, Timestamp))
MESSAGE(1, WEB, SessionStart, 0,
	FIELD(SessionStart, UINT, Timestamp) FIELD(SessionStart, UINT, ProjectID)
	FIELD(SessionStart, STRING, TrackerVersion) FIELD(SessionStart, STRING, RevID)
	FIELD(SessionStart, STRING, UserUUID) FIELD(SessionStart, STRING, UserAgent) FIELD(SessionStart, STRING, UserOS)
	FIELD(SessionStart, STRING, UserOSVersion) FIELD(SessionStart, STRING, UserBrowser)
	FIELD(SessionStart, STRING, UserBrowserVersion) FIELD(SessionStart, STRING, UserDevice)
	FIELD(SessionStart, STRING, UserDeviceType) FIELD(SessionStart, UINT, UserDeviceMemorySize)
	FIELD(SessionStart, UINT, UserDeviceHeapSize) FIELD(SessionStart, STRING, UserCountry)
	FIELD(SessionStart, STRING, UserID))
MESSAGE(3, WEB, CleanSession, 0, FIELD(CleanSession, UINT, Timestamp))
MESSAGE(4, WEB, SetPageLocationDeprecated, T | D,
	FIELD(SetPageLocationDeprecated, STRING, URL) FIELD(SetPageLocationDeprecated, STRING, Referrer)
	FIELD(SetPageLocationDeprecated, UINT, NavigationStart))
MESSAGE(5, WEB, SetViewportSize, T | D, FIELD(SetViewportSize, UINT, Width) FIELD(SetViewportSize, UINT, Height))
MESSAGE(6, WEB, SetViewportScroll, T | D, FIELD(SetViewportScroll, INT, X) FIELD(SetViewportScroll, INT, Y))
MESSAGE(7, WEB, CreateDocument, T | D, )
MESSAGE(8, WEB, CreateElementNode, T | D,
	FIELD(CreateElementNode, UINT, ID) FIELD(CreateElementNode, UINT, ParentID) FIELD(CreateElementNode, UINT, index)
	FIELD(CreateElementNode, STRING, Tag) FIELD(CreateElementNode, BOOLEAN, SVG))
MESSAGE(9, WEB, CreateTextNode, T | D,
	FIELD(CreateTextNode, UINT, ID) FIELD(CreateTextNode, UINT, ParentID) FIELD(CreateTextNode, UINT, Index))
MESSAGE(10, WEB, MoveNode, T | D,
	FIELD(MoveNode, UINT, ID) FIELD(MoveNode, UINT, ParentID) FIELD(MoveNode, UINT, Index))
MESSAGE(11, WEB, RemoveNode, T | D, FIELD(RemoveNode, UINT, ID))
MESSAGE(12, WEB, SetNodeAttribute, T | D,
	FIELD(SetNodeAttribute, UINT, ID) FIELD(SetNodeAttribute, STRING, Name) FIELD(SetNodeAttribute, STRING, Value))
MESSAGE(13, WEB, RemoveNodeAttribute, T | D,
	FIELD(RemoveNodeAttribute, UINT, ID) FIELD(RemoveNodeAttribute, STRING, Name))
MESSAGE(14, WEB, SetNodeData, T | D, FIELD(SetNodeData, UINT, ID) FIELD(SetNodeData, STRING, Data))
MESSAGE(15, WEB, SetCSSData, D, FIELD(SetCSSData, UINT, ID) FIELD(SetCSSData, STRING, Data))
MESSAGE(16, WEB, SetNodeScroll, T | D,
	FIELD(SetNodeScroll, UINT, ID) FIELD(SetNodeScroll, INT, X) FIELD(SetNodeScroll, INT, Y))
MESSAGE(17, WEB, SetInputTarget, T, FIELD(SetInputTarget, UINT, ID) FIELD(SetInputTarget, STRING, Label))
MESSAGE(18, WEB, SetInputValue, T | D,
	FIELD(SetInputValue, UINT, ID) FIELD(SetInputValue, STRING, Value) FIELD(SetInputValue, INT, Mask))
MESSAGE(19, WEB, SetInputChecked, T | D, FIELD(SetInputChecked, UINT, ID) FIELD(SetInputChecked, BOOLEAN, Checked))
MESSAGE(20, WEB, MouseMove, T | D, FIELD(MouseMove, UINT, X) FIELD(MouseMove, UINT, Y))
MESSAGE(21, WEB, NetworkRequestDeprecated, T | V,
	FIELD(NetworkRequestDeprecated, STRING, Type) FIELD(NetworkRequestDeprecated, STRING, Method)
	FIELD(NetworkRequestDeprecated, STRING, URL) FIELD(NetworkRequestDeprecated, STRING, Request)
	FIELD(NetworkRequestDeprecated, STRING, Response) FIELD(NetworkRequestDeprecated, UINT, Status)
	FIELD(NetworkRequestDeprecated, UINT, Timestamp) FIELD(NetworkRequestDeprecated, UINT, Duration))
MESSAGE(22, WEB, ConsoleLog, T | V, FIELD(ConsoleLog, STRING, Level) FIELD(ConsoleLog, STRING, Value))
MESSAGE(23, WEB, PageLoadTiming, T,
	FIELD(PageLoadTiming, UINT, RequestStart) FIELD(PageLoadTiming, UINT, ResponseStart)
	FIELD(PageLoadTiming, UINT, ResponseEnd) FIELD(PageLoadTiming, UINT, DomContentLoadedEventStart)
	FIELD(PageLoadTiming, UINT, DomContentLoadedEventEnd) FIELD(PageLoadTiming, UINT, LoadEventStart)
	FIELD(PageLoadTiming, UINT, LoadEventEnd) FIELD(PageLoadTiming, UINT, FirstPaint)
	FIELD(PageLoadTiming, UINT, FirstContentfulPaint))
MESSAGE(24, WEB, PageRenderTiming, T,
	FIELD(PageRenderTiming, UINT, SpeedIndex) FIELD(PageRenderTiming, UINT, VisuallyComplete)
	FIELD(PageRenderTiming, UINT, TimeToInteractive))
MESSAGE(25, WEB, JSExceptionDeprecated, T,
	FIELD(JSExceptionDeprecated, STRING, Name) FIELD(JSExceptionDeprecated, STRING, Message)
	FIELD(JSExceptionDeprecated, STRING, Payload))
MESSAGE(26, WEB, IntegrationEvent, 0,
	FIELD(IntegrationEvent, UINT, Timestamp) FIELD(IntegrationEvent, STRING, Source)
	FIELD(IntegrationEvent, STRING, Name) FIELD(IntegrationEvent, STRING, Message)
	FIELD(IntegrationEvent, STRING, Payload))
MESSAGE(27, WEB, CustomEvent, T, FIELD(CustomEvent, STRING, Name) FIELD(CustomEvent, STRING, Payload))
MESSAGE(28, WEB, UserID, T, FIELD(UserID, STRING, ID))
MESSAGE(29, WEB, UserAnonymousID, T, FIELD(UserAnonymousID, STRING, ID))
MESSAGE(30, WEB, Metadata, T, FIELD(Metadata, STRING, Key) FIELD(Metadata, STRING, Value))
MESSAGE(31, WEB, PageEventDeprecated, 0,
	FIELD(PageEventDeprecated, UINT, MessageID) FIELD(PageEventDeprecated, UINT, Timestamp)
	FIELD(PageEventDeprecated, STRING, URL) FIELD(PageEventDeprecated, STRING, Referrer)
	FIELD(PageEventDeprecated, BOOLEAN, Loaded) FIELD(PageEventDeprecated, UINT, RequestStart)
	FIELD(PageEventDeprecated, UINT, ResponseStart) FIELD(PageEventDeprecated, UINT, ResponseEnd)
	FIELD(PageEventDeprecated, UINT, DomContentLoadedEventStart)
	FIELD(PageEventDeprecated, UINT, DomContentLoadedEventEnd) FIELD(PageEventDeprecated, UINT, LoadEventStart)
	FIELD(PageEventDeprecated, UINT, LoadEventEnd) FIELD(PageEventDeprecated, UINT, FirstPaint)
	FIELD(PageEventDeprecated, UINT, FirstContentfulPaint) FIELD(PageEventDeprecated, UINT, SpeedIndex)
	FIELD(PageEventDeprecated, UINT, VisuallyComplete) FIELD(PageEventDeprecated, UINT, TimeToInteractive))
MESSAGE(32, WEB, InputEvent, 0,
	FIELD(InputEvent, UINT, MessageID) FIELD(InputEvent, UINT, Timestamp) FIELD(InputEvent, STRING, Value)
	FIELD(InputEvent, BOOLEAN, ValueMasked) FIELD(InputEvent, STRING, Label))
MESSAGE(33, WEB, PageEvent, 0,
	FIELD(PageEvent, UINT, MessageID) FIELD(PageEvent, UINT, Timestamp) FIELD(PageEvent, STRING, URL)
	FIELD(PageEvent, STRING, Referrer) FIELD(PageEvent, BOOLEAN, Loaded) FIELD(PageEvent, UINT, RequestStart)
	FIELD(PageEvent, UINT, ResponseStart) FIELD(PageEvent, UINT, ResponseEnd)
	FIELD(PageEvent, UINT, DomContentLoadedEventStart) FIELD(PageEvent, UINT, DomContentLoadedEventEnd)
	FIELD(PageEvent, UINT, LoadEventStart) FIELD(PageEvent, UINT, LoadEventEnd) FIELD(PageEvent, UINT, FirstPaint)
	FIELD(PageEvent, UINT, FirstContentfulPaint) FIELD(PageEvent, UINT, SpeedIndex)
	FIELD(PageEvent, UINT, VisuallyComplete) FIELD(PageEvent, UINT, TimeToInteractive)
	FIELD(PageEvent, STRING, WebVitals))
MESSAGE(34, WEB, StringDictGlobal, T | D, FIELD(StringDictGlobal, UINT, Key) FIELD(StringDictGlobal, STRING, Value))
MESSAGE(35, WEB, SetNodeAttributeDictGlobal, T | D,
	FIELD(SetNodeAttributeDictGlobal, UINT, ID) FIELD(SetNodeAttributeDictGlobal, UINT, Name)
	FIELD(SetNodeAttributeDictGlobal, UINT, Value))
MESSAGE(36, WEB, NodeAnimationResult, T | D,
	FIELD(NodeAnimationResult, UINT, ID) FIELD(NodeAnimationResult, STRING, Styles))
MESSAGE(37, WEB, CSSInsertRule, T | D,
	FIELD(CSSInsertRule, UINT, ID) FIELD(CSSInsertRule, STRING, Rule) FIELD(CSSInsertRule, UINT, Index))
MESSAGE(38, WEB, CSSDeleteRule, T | D, FIELD(CSSDeleteRule, UINT, ID) FIELD(CSSDeleteRule, UINT, Index))
MESSAGE(39, WEB, Fetch, T | V,
	FIELD(Fetch, STRING, Method) FIELD(Fetch, STRING, URL) FIELD(Fetch, STRING, Request) FIELD(Fetch, STRING, Response)
	FIELD(Fetch, UINT, Status) FIELD(Fetch, UINT, Timestamp) FIELD(Fetch, UINT, Duration))
MESSAGE(40, WEB, Profiler, T | V,
	FIELD(Profiler, STRING, Name) FIELD(Profiler, UINT, Duration) FIELD(Profiler, STRING, Args)
	FIELD(Profiler, STRING, Result))
MESSAGE(41, WEB, OTable, T | V, FIELD(OTable, STRING, Key) FIELD(OTable, STRING, Value))
MESSAGE(42, WEB, StateAction, T, FIELD(StateAction, STRING, Type))
MESSAGE(43, WEB, StringDict, T | D, FIELD(StringDict, STRING, Key) FIELD(StringDict, STRING, Value))
MESSAGE(44, WEB, ReduxDeprecated, T | V,
	FIELD(ReduxDeprecated, STRING, Action) FIELD(ReduxDeprecated, STRING, State)
	FIELD(ReduxDeprecated, UINT, Duration))
MESSAGE(45, WEB, Vuex, T | V, FIELD(Vuex, STRING, Mutation) FIELD(Vuex, STRING, State))
MESSAGE(46, WEB, MobX, T | V, FIELD(MobX, STRING, Type) FIELD(MobX, STRING, Payload))
MESSAGE(47, WEB, NgRx, T | V, FIELD(NgRx, STRING, Action) FIELD(NgRx, STRING, State) FIELD(NgRx, UINT, Duration))
MESSAGE(48, WEB, GraphQLDeprecated, T | V,
	FIELD(GraphQLDeprecated, STRING, OperationKind) FIELD(GraphQLDeprecated, STRING, OperationName)
	FIELD(GraphQLDeprecated, STRING, Variables) FIELD(GraphQLDeprecated, STRING, Response)
	FIELD(GraphQLDeprecated, INT, Duration))
MESSAGE(49, WEB, PerformanceTrack, T | D,
	FIELD(PerformanceTrack, INT, Frames) FIELD(PerformanceTrack, INT, Ticks)
	FIELD(PerformanceTrack, UINT, TotalJSHeapSize) FIELD(PerformanceTrack, UINT, UsedJSHeapSize))
MESSAGE(50, WEB, StringDictDeprecated, T | D,
	FIELD(StringDictDeprecated, UINT, Key) FIELD(StringDictDeprecated, STRING, Value))
MESSAGE(51, WEB, SetNodeAttributeDictDeprecated, T | D,
	FIELD(SetNodeAttributeDictDeprecated, UINT, ID) FIELD(SetNodeAttributeDictDeprecated, UINT, NameKey)
	FIELD(SetNodeAttributeDictDeprecated, UINT, ValueKey))
MESSAGE(52, WEB, SetNodeAttributeDict, T | D,
	FIELD(SetNodeAttributeDict, UINT, ID) FIELD(SetNodeAttributeDict, STRING, Name)
	FIELD(SetNodeAttributeDict, STRING, Value))
MESSAGE(53, WEB, ResourceTimingDeprecatedDeprecated, T | V,
	FIELD(ResourceTimingDeprecatedDeprecated, UINT, Timestamp)
	FIELD(ResourceTimingDeprecatedDeprecated, UINT, Duration) FIELD(ResourceTimingDeprecatedDeprecated, UINT, TTFB)
	FIELD(ResourceTimingDeprecatedDeprecated, UINT, HeaderSize)
	FIELD(ResourceTimingDeprecatedDeprecated, UINT, EncodedBodySize)
	FIELD(ResourceTimingDeprecatedDeprecated, UINT, DecodedBodySize)
	FIELD(ResourceTimingDeprecatedDeprecated, STRING, URL)
	FIELD(ResourceTimingDeprecatedDeprecated, STRING, Initiator))
MESSAGE(54, WEB, ConnectionInformation, T | D,
	FIELD(ConnectionInformation, UINT, Downlink) FIELD(ConnectionInformation, STRING, Type))
MESSAGE(55, WEB, SetPageVisibility, T | D, FIELD(SetPageVisibility, BOOLEAN, hidden))
MESSAGE(56, WEB, PerformanceTrackAggr, 0,
	FIELD(PerformanceTrackAggr, UINT, TimestampStart) FIELD(PerformanceTrackAggr, UINT, TimestampEnd)
	FIELD(PerformanceTrackAggr, UINT, MinFPS) FIELD(PerformanceTrackAggr, UINT, AvgFPS)
	FIELD(PerformanceTrackAggr, UINT, MaxFPS) FIELD(PerformanceTrackAggr, UINT, MinCPU)
	FIELD(PerformanceTrackAggr, UINT, AvgCPU) FIELD(PerformanceTrackAggr, UINT, MaxCPU)
	FIELD(PerformanceTrackAggr, UINT, MinTotalJSHeapSize) FIELD(PerformanceTrackAggr, UINT, AvgTotalJSHeapSize)
	FIELD(PerformanceTrackAggr, UINT, MaxTotalJSHeapSize) FIELD(PerformanceTrackAggr, UINT, MinUsedJSHeapSize)
	FIELD(PerformanceTrackAggr, UINT, AvgUsedJSHeapSize) FIELD(PerformanceTrackAggr, UINT, MaxUsedJSHeapSize))
MESSAGE(57, WEB, LoadFontFace, T | D,
	FIELD(LoadFontFace, UINT, ParentID) FIELD(LoadFontFace, STRING, Family) FIELD(LoadFontFace, STRING, Source)
	FIELD(LoadFontFace, STRING, Descriptors))
MESSAGE(58, WEB, SetNodeFocus, T | D, FIELD(SetNodeFocus, INT, ID))
MESSAGE(59, WEB, LongTask, T | D,
	FIELD(LongTask, UINT, Timestamp) FIELD(LongTask, UINT, Duration) FIELD(LongTask, UINT, Context)
	FIELD(LongTask, UINT, ContainerType) FIELD(LongTask, STRING, ContainerSrc) FIELD(LongTask, STRING, ContainerId)
	FIELD(LongTask, STRING, ContainerName))
MESSAGE(60, WEB, SetNodeAttributeURLBased, T | D,
	FIELD(SetNodeAttributeURLBased, UINT, ID) FIELD(SetNodeAttributeURLBased, STRING, Name)
	FIELD(SetNodeAttributeURLBased, STRING, Value) FIELD(SetNodeAttributeURLBased, STRING, BaseURL))
MESSAGE(61, WEB, SetCSSDataURLBased, T | D,
	FIELD(SetCSSDataURLBased, UINT, ID) FIELD(SetCSSDataURLBased, STRING, Data)
	FIELD(SetCSSDataURLBased, STRING, BaseURL))
MESSAGE(62, WEB, IssueEventDeprecated, 0,
	FIELD(IssueEventDeprecated, UINT, MessageID) FIELD(IssueEventDeprecated, UINT, Timestamp)
	FIELD(IssueEventDeprecated, STRING, Type) FIELD(IssueEventDeprecated, STRING, ContextString)
	FIELD(IssueEventDeprecated, STRING, Context) FIELD(IssueEventDeprecated, STRING, Payload))
MESSAGE(63, WEB, TechnicalInfo, T, FIELD(TechnicalInfo, STRING, Type) FIELD(TechnicalInfo, STRING, Value))
MESSAGE(64, WEB, CustomIssue, T, FIELD(CustomIssue, STRING, Name) FIELD(CustomIssue, STRING, Payload))
MESSAGE(65, WEB, SetNodeSlot, T | D, FIELD(SetNodeSlot, UINT, ID) FIELD(SetNodeSlot, UINT, SlotID))
MESSAGE(66, WEB, AssetCache, 0, FIELD(AssetCache, STRING, URL))
MESSAGE(67, WEB, CSSInsertRuleURLBased, T | D,
	FIELD(CSSInsertRuleURLBased, UINT, ID) FIELD(CSSInsertRuleURLBased, STRING, Rule)
	FIELD(CSSInsertRuleURLBased, UINT, Index) FIELD(CSSInsertRuleURLBased, STRING, BaseURL))
MESSAGE(68, WEB, MouseClick, T | D,
	FIELD(MouseClick, UINT, ID) FIELD(MouseClick, UINT, HesitationTime) FIELD(MouseClick, STRING, Label)
	FIELD(MouseClick, STRING, Selector) FIELD(MouseClick, UINT, NormalizedX) FIELD(MouseClick, UINT, NormalizedY))
MESSAGE(69, WEB, MouseClickDeprecated, T | D,
	FIELD(MouseClickDeprecated, UINT, ID) FIELD(MouseClickDeprecated, UINT, HesitationTime)
	FIELD(MouseClickDeprecated, STRING, Label) FIELD(MouseClickDeprecated, STRING, Selector))
MESSAGE(70, WEB, CreateIFrameDocument, T | D,
	FIELD(CreateIFrameDocument, UINT, FrameID) FIELD(CreateIFrameDocument, UINT, ID))
MESSAGE(71, WEB, AdoptedSSReplaceURLBased, T | D,
	FIELD(AdoptedSSReplaceURLBased, UINT, SheetID) FIELD(AdoptedSSReplaceURLBased, STRING, Text)
	FIELD(AdoptedSSReplaceURLBased, STRING, BaseURL))
MESSAGE(72, WEB, AdoptedSSReplace, D, FIELD(AdoptedSSReplace, UINT, SheetID) FIELD(AdoptedSSReplace, STRING, Text))
MESSAGE(73, WEB, AdoptedSSInsertRuleURLBased, T | D,
	FIELD(AdoptedSSInsertRuleURLBased, UINT, SheetID) FIELD(AdoptedSSInsertRuleURLBased, STRING, Rule)
	FIELD(AdoptedSSInsertRuleURLBased, UINT, Index) FIELD(AdoptedSSInsertRuleURLBased, STRING, BaseURL))
MESSAGE(74, WEB, AdoptedSSInsertRule, D,
	FIELD(AdoptedSSInsertRule, UINT, SheetID) FIELD(AdoptedSSInsertRule, STRING, Rule)
	FIELD(AdoptedSSInsertRule, UINT, Index))
MESSAGE(75, WEB, AdoptedSSDeleteRule, T | D,
	FIELD(AdoptedSSDeleteRule, UINT, SheetID) FIELD(AdoptedSSDeleteRule, UINT, Index))
MESSAGE(76, WEB, AdoptedSSAddOwner, T | D, FIELD(AdoptedSSAddOwner, UINT, SheetID) FIELD(AdoptedSSAddOwner, UINT, ID))
MESSAGE(77, WEB, AdoptedSSRemoveOwner, T | D,
	FIELD(AdoptedSSRemoveOwner, UINT, SheetID) FIELD(AdoptedSSRemoveOwner, UINT, ID))
MESSAGE(78, WEB, JSException, T,
	FIELD(JSException, STRING, Name) FIELD(JSException, STRING, Message) FIELD(JSException, STRING, Payload)
	FIELD(JSException, STRING, Metadata))
MESSAGE(79, WEB, Zustand, T | V, FIELD(Zustand, STRING, Mutation) FIELD(Zustand, STRING, State))
MESSAGE(80, WEB, BatchMeta, T,
	FIELD(BatchMeta, UINT, PageNo) FIELD(BatchMeta, UINT, FirstIndex) FIELD(BatchMeta, INT, Timestamp))
MESSAGE(81, WEB, BatchMetadata, T,
	FIELD(BatchMetadata, UINT, Version) FIELD(BatchMetadata, UINT, PageNo) FIELD(BatchMetadata, UINT, FirstIndex)
	FIELD(BatchMetadata, INT, Timestamp) FIELD(BatchMetadata, STRING, Location))
MESSAGE(82, WEB, PartitionedMessage, T,
	FIELD(PartitionedMessage, UINT, PartNo) FIELD(PartitionedMessage, UINT, PartTotal))
MESSAGE(83, WEB, NetworkRequest, T | V,
	FIELD(NetworkRequest, STRING, Type) FIELD(NetworkRequest, STRING, Method) FIELD(NetworkRequest, STRING, URL)
	FIELD(NetworkRequest, STRING, Request) FIELD(NetworkRequest, STRING, Response) FIELD(NetworkRequest, UINT, Status)
	FIELD(NetworkRequest, UINT, Timestamp) FIELD(NetworkRequest, UINT, Duration)
	FIELD(NetworkRequest, UINT, TransferredBodySize))
MESSAGE(84, WEB, WSChannel, T | V,
	FIELD(WSChannel, STRING, ChType) FIELD(WSChannel, STRING, ChannelName) FIELD(WSChannel, STRING, Data)
	FIELD(WSChannel, UINT, Timestamp) FIELD(WSChannel, STRING, Dir) FIELD(WSChannel, STRING, MessageType))
MESSAGE(85, WEB, ResourceTiming, T | V,
	FIELD(ResourceTiming, UINT, Timestamp) FIELD(ResourceTiming, UINT, Duration) FIELD(ResourceTiming, UINT, TTFB)
	FIELD(ResourceTiming, UINT, HeaderSize) FIELD(ResourceTiming, UINT, EncodedBodySize)
	FIELD(ResourceTiming, UINT, DecodedBodySize) FIELD(ResourceTiming, STRING, URL)
	FIELD(ResourceTiming, STRING, Initiator) FIELD(ResourceTiming, UINT, TransferredSize)
	FIELD(ResourceTiming, BOOLEAN, Cached) FIELD(ResourceTiming, UINT, Queueing) FIELD(ResourceTiming, UINT, DnsLookup)
	FIELD(ResourceTiming, UINT, InitialConnection) FIELD(ResourceTiming, UINT, SSL)
	FIELD(ResourceTiming, UINT, ContentDownload) FIELD(ResourceTiming, UINT, Total)
	FIELD(ResourceTiming, UINT, Stalled))
MESSAGE(87, WEB, Incident, T | V,
	FIELD(Incident, STRING, Label) FIELD(Incident, INT, StartTime) FIELD(Incident, INT, EndTime))
MESSAGE(89, WEB, LongAnimationTask, T | V,
	FIELD(LongAnimationTask, STRING, Name) FIELD(LongAnimationTask, INT, Duration)
	FIELD(LongAnimationTask, INT, BlockingDuration) FIELD(LongAnimationTask, INT, FirstUIEventTimestamp)
	FIELD(LongAnimationTask, INT, StartTime) FIELD(LongAnimationTask, STRING, Scripts))
MESSAGE(112, WEB, InputChange, T,
	FIELD(InputChange, UINT, ID) FIELD(InputChange, STRING, Value) FIELD(InputChange, BOOLEAN, ValueMasked)
	FIELD(InputChange, STRING, Label) FIELD(InputChange, INT, HesitationTime) FIELD(InputChange, INT, InputDuration))
MESSAGE(113, WEB, SelectionChange, T | D,
	FIELD(SelectionChange, UINT, SelectionStart) FIELD(SelectionChange, UINT, SelectionEnd)
	FIELD(SelectionChange, STRING, Selection))
MESSAGE(114, WEB, MouseThrashing, T | D, FIELD(MouseThrashing, UINT, Timestamp))
MESSAGE(115, WEB, UnbindNodes, T, FIELD(UnbindNodes, UINT, TotalRemovedPercent))
MESSAGE(116, WEB, ResourceTimingDeprecated, T | V,
	FIELD(ResourceTimingDeprecated, UINT, Timestamp) FIELD(ResourceTimingDeprecated, UINT, Duration)
	FIELD(ResourceTimingDeprecated, UINT, TTFB) FIELD(ResourceTimingDeprecated, UINT, HeaderSize)
	FIELD(ResourceTimingDeprecated, UINT, EncodedBodySize) FIELD(ResourceTimingDeprecated, UINT, DecodedBodySize)
	FIELD(ResourceTimingDeprecated, STRING, URL) FIELD(ResourceTimingDeprecated, STRING, Initiator)
	FIELD(ResourceTimingDeprecated, UINT, TransferredSize) FIELD(ResourceTimingDeprecated, BOOLEAN, Cached))
MESSAGE(117, WEB, TabChange, T | D, FIELD(TabChange, STRING, TabId))
MESSAGE(118, WEB, TabData, T | D | V, FIELD(TabData, STRING, TabId))
MESSAGE(119, WEB, CanvasNode, T | D, FIELD(CanvasNode, STRING, NodeId) FIELD(CanvasNode, UINT, Timestamp))
MESSAGE(120, WEB, TagTrigger, T | V, FIELD(TagTrigger, INT, TagId))
MESSAGE(121, WEB, Redux, T | V,
	FIELD(Redux, STRING, Action) FIELD(Redux, STRING, State) FIELD(Redux, UINT, Duration)
	FIELD(Redux, UINT, ActionTime))
MESSAGE(122, WEB, SetPageLocation, T | D,
	FIELD(SetPageLocation, STRING, URL) FIELD(SetPageLocation, STRING, Referrer)
	FIELD(SetPageLocation, UINT, NavigationStart) FIELD(SetPageLocation, STRING, DocumentTitle))
MESSAGE(123, WEB, GraphQL, T | V,
	FIELD(GraphQL, STRING, OperationKind) FIELD(GraphQL, STRING, OperationName) FIELD(GraphQL, STRING, Variables)
	FIELD(GraphQL, STRING, Response) FIELD(GraphQL, UINT, Duration))
MESSAGE(124, WEB, WebVitals, T, FIELD(WebVitals, STRING, Name) FIELD(WebVitals, STRING, Value))
MESSAGE(125, WEB, IssueEvent, T,
	FIELD(IssueEvent, UINT, MessageID) FIELD(IssueEvent, UINT, Timestamp) FIELD(IssueEvent, STRING, Type)
	FIELD(IssueEvent, STRING, ContextString) FIELD(IssueEvent, STRING, Context) FIELD(IssueEvent, STRING, Payload)
	FIELD(IssueEvent, STRING, URL))
MESSAGE(126, WEB, SessionEnd, 0, FIELD(SessionEnd, UINT, Timestamp) FIELD(SessionEnd, STRING, EncryptionKey))
MESSAGE(127, WEB, SessionSearch, 0, FIELD(SessionSearch, UINT, Timestamp) FIELD(SessionSearch, UINT, Partition))
MESSAGE(90, MOBILE, MobileSessionStart, 0,
	FIELD(MobileSessionStart, UINT, Timestamp) FIELD(MobileSessionStart, UINT, ProjectID)
	FIELD(MobileSessionStart, STRING, TrackerVersion) FIELD(MobileSessionStart, STRING, RevID)
	FIELD(MobileSessionStart, STRING, UserUUID) FIELD(MobileSessionStart, STRING, UserOS)
	FIELD(MobileSessionStart, STRING, UserOSVersion) FIELD(MobileSessionStart, STRING, UserDevice)
	FIELD(MobileSessionStart, STRING, UserDeviceType) FIELD(MobileSessionStart, STRING, UserCountry))
MESSAGE(91, MOBILE, MobileSessionEnd, 0, FIELD(MobileSessionEnd, UINT, Timestamp))
MESSAGE(92, MOBILE, MobileMetadata, T,
	FIELD(MobileMetadata, UINT, Timestamp) FIELD(MobileMetadata, UINT, Length) FIELD(MobileMetadata, STRING, Key)
	FIELD(MobileMetadata, STRING, Value))
MESSAGE(93, MOBILE, MobileEvent, T | D,
	FIELD(MobileEvent, UINT, Timestamp) FIELD(MobileEvent, UINT, Length) FIELD(MobileEvent, STRING, Name)
	FIELD(MobileEvent, STRING, Payload))
MESSAGE(94, MOBILE, MobileUserID, T,
	FIELD(MobileUserID, UINT, Timestamp) FIELD(MobileUserID, UINT, Length) FIELD(MobileUserID, STRING, ID))
MESSAGE(95, MOBILE, MobileUserAnonymousID, T,
	FIELD(MobileUserAnonymousID, UINT, Timestamp) FIELD(MobileUserAnonymousID, UINT, Length)
	FIELD(MobileUserAnonymousID, STRING, ID))
MESSAGE(96, MOBILE, MobileScreenChanges, T | D,
	FIELD(MobileScreenChanges, UINT, Timestamp) FIELD(MobileScreenChanges, UINT, Length)
	FIELD(MobileScreenChanges, UINT, X) FIELD(MobileScreenChanges, UINT, Y) FIELD(MobileScreenChanges, UINT, Width)
	FIELD(MobileScreenChanges, UINT, Height))
MESSAGE(97, MOBILE, MobileCrash, T,
	FIELD(MobileCrash, UINT, Timestamp) FIELD(MobileCrash, UINT, Length) FIELD(MobileCrash, STRING, Name)
	FIELD(MobileCrash, STRING, Reason) FIELD(MobileCrash, STRING, Stacktrace))
MESSAGE(98, MOBILE, MobileViewComponentEvent, T,
	FIELD(MobileViewComponentEvent, UINT, Timestamp) FIELD(MobileViewComponentEvent, UINT, Length)
	FIELD(MobileViewComponentEvent, STRING, ScreenName) FIELD(MobileViewComponentEvent, STRING, ViewName)
	FIELD(MobileViewComponentEvent, BOOLEAN, Visible))
MESSAGE(100, MOBILE, MobileClickEvent, T | D,
	FIELD(MobileClickEvent, UINT, Timestamp) FIELD(MobileClickEvent, UINT, Length)
	FIELD(MobileClickEvent, STRING, Label) FIELD(MobileClickEvent, UINT, X) FIELD(MobileClickEvent, UINT, Y))
MESSAGE(101, MOBILE, MobileInputEvent, T | D,
	FIELD(MobileInputEvent, UINT, Timestamp) FIELD(MobileInputEvent, UINT, Length)
	FIELD(MobileInputEvent, STRING, Value) FIELD(MobileInputEvent, BOOLEAN, ValueMasked)
	FIELD(MobileInputEvent, STRING, Label))
MESSAGE(102, MOBILE, MobilePerformanceEvent, T | D,
	FIELD(MobilePerformanceEvent, UINT, Timestamp) FIELD(MobilePerformanceEvent, UINT, Length)
	FIELD(MobilePerformanceEvent, STRING, Name) FIELD(MobilePerformanceEvent, UINT, Value))
MESSAGE(103, MOBILE, MobileLog, T | D,
	FIELD(MobileLog, UINT, Timestamp) FIELD(MobileLog, UINT, Length) FIELD(MobileLog, STRING, Severity)
	FIELD(MobileLog, STRING, Content))
MESSAGE(104, MOBILE, MobileInternalError, T | D,
	FIELD(MobileInternalError, UINT, Timestamp) FIELD(MobileInternalError, UINT, Length)
	FIELD(MobileInternalError, STRING, Content))
MESSAGE(105, MOBILE, MobileNetworkCall, T | D,
	FIELD(MobileNetworkCall, UINT, Timestamp) FIELD(MobileNetworkCall, UINT, Length)
	FIELD(MobileNetworkCall, STRING, Type) FIELD(MobileNetworkCall, STRING, Method)
	FIELD(MobileNetworkCall, STRING, URL) FIELD(MobileNetworkCall, STRING, Request)
	FIELD(MobileNetworkCall, STRING, Response) FIELD(MobileNetworkCall, UINT, Status)
	FIELD(MobileNetworkCall, UINT, Duration))
MESSAGE(106, MOBILE, MobileSwipeEvent, T | D,
	FIELD(MobileSwipeEvent, UINT, Timestamp) FIELD(MobileSwipeEvent, UINT, Length)
	FIELD(MobileSwipeEvent, STRING, Label) FIELD(MobileSwipeEvent, UINT, X) FIELD(MobileSwipeEvent, UINT, Y)
	FIELD(MobileSwipeEvent, STRING, Direction))
MESSAGE(107, MOBILE, MobileBatchMeta, T,
	FIELD(MobileBatchMeta, UINT, Timestamp) FIELD(MobileBatchMeta, UINT, Length)
	FIELD(MobileBatchMeta, UINT, FirstIndex))
MESSAGE(109, MOBILE, MobileGraphQL, T | D,
	FIELD(MobileGraphQL, UINT, Timestamp) FIELD(MobileGraphQL, UINT, Length)
	FIELD(MobileGraphQL, STRING, OperationKind) FIELD(MobileGraphQL, STRING, OperationName)
	FIELD(MobileGraphQL, STRING, Variables) FIELD(MobileGraphQL, STRING, Response)
	FIELD(MobileGraphQL, UINT, Duration))
MESSAGE(110, MOBILE, MobilePerformanceAggregated, 0,
	FIELD(MobilePerformanceAggregated, UINT, TimestampStart) FIELD(MobilePerformanceAggregated, UINT, TimestampEnd)
	FIELD(MobilePerformanceAggregated, UINT, MinFPS) FIELD(MobilePerformanceAggregated, UINT, AvgFPS)
	FIELD(MobilePerformanceAggregated, UINT, MaxFPS) FIELD(MobilePerformanceAggregated, UINT, MinCPU)
	FIELD(MobilePerformanceAggregated, UINT, AvgCPU) FIELD(MobilePerformanceAggregated, UINT, MaxCPU)
	FIELD(MobilePerformanceAggregated, UINT, MinMemory) FIELD(MobilePerformanceAggregated, UINT, AvgMemory)
	FIELD(MobilePerformanceAggregated, UINT, MaxMemory) FIELD(MobilePerformanceAggregated, UINT, MinBattery)
	FIELD(MobilePerformanceAggregated, UINT, AvgBattery) FIELD(MobilePerformanceAggregated, UINT, MaxBattery))
MESSAGE(111, MOBILE, MobileIssueEvent, D,
	FIELD(MobileIssueEvent, UINT, Timestamp) FIELD(MobileIssueEvent, STRING, Type)
	FIELD(MobileIssueEvent, STRING, ContextString) FIELD(MobileIssueEvent, STRING, Context)
	FIELD(MobileIssueEvent, STRING, Payload))

#undef T
#undef D
#undef V
