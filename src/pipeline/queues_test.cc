#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "pipeline/bounded_queue.h"
#include "pipeline/reorder_buffer.h"

namespace octoscale {
namespace {

TEST(BoundedQueueTest, KeepsOrderAndEndsAfterClose) {
  BoundedQueue<int> queue(10, 100);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(queue.Push(i, 1));
  queue.Close();
  EXPECT_FALSE(queue.Push(9, 1));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(queue.Pop(), i);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(BoundedQueueTest, NeverHoldsMoreItemsThanAllowed) {
  BoundedQueue<int> queue(3, 1000);
  std::thread producer([&] {
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(queue.Push(i, 1));
    queue.Close();
  });
  int expected = 0;
  while (const std::optional<int> item = queue.Pop()) EXPECT_EQ(*item, expected++);
  producer.join();
  EXPECT_EQ(expected, 200);
  EXPECT_LE(queue.items_peak(), 3u);
}

TEST(BoundedQueueTest, NeverHoldsMoreBytesThanAllowedButOneItemAlwaysFits) {
  BoundedQueue<int> queue(100, 10);
  std::thread producer([&] {
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(queue.Push(i, i % 2 == 0 ? 4 : 999));
    queue.Close();
  });
  int count = 0;
  while (queue.Pop()) ++count;
  producer.join();
  EXPECT_EQ(count, 50);
  EXPECT_LE(queue.items_peak(), 2u);
}

TEST(BoundedQueueTest, CancelReleasesBothSidesAndDropsTheItems) {
  BoundedQueue<std::unique_ptr<int>> full(1, 100);
  BoundedQueue<std::unique_ptr<int>> empty(1, 100);
  EXPECT_TRUE(full.Push(std::make_unique<int>(1), 1));
  std::thread producer([&] { EXPECT_FALSE(full.Push(std::make_unique<int>(2), 1)); });
  std::thread consumer([&] { EXPECT_FALSE(empty.Pop().has_value()); });
  full.Cancel();
  empty.Cancel();
  producer.join();
  consumer.join();
  EXPECT_FALSE(full.Pop().has_value());
}

TEST(ReorderBufferTest, GivesItemsInTheOrderOfTheirNumbers) {
  ReorderBuffer<int> buffer(1000);
  for (const int number : {2, 0, 3, 1}) EXPECT_TRUE(buffer.Put(number, number * 10, 1));
  buffer.SetEnd(4);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(buffer.Pop(), i * 10);
  EXPECT_EQ(buffer.Pop(), std::nullopt);
}

TEST(ReorderBufferTest, TheDueItemEntersAFullBuffer) {
  ReorderBuffer<int> buffer(10);
  EXPECT_TRUE(buffer.Put(1, 1, 10));
  std::thread early([&] { EXPECT_TRUE(buffer.Put(2, 2, 10)); });
  EXPECT_TRUE(buffer.Put(0, 0, 10));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(buffer.Pop(), i);
  early.join();
}

TEST(ReorderBufferTest, CancelReleasesBothSides) {
  ReorderBuffer<int> buffer(10);
  EXPECT_TRUE(buffer.Put(1, 1, 10));
  std::thread producer([&] { EXPECT_FALSE(buffer.Put(2, 2, 10)); });
  std::thread consumer([&] { EXPECT_FALSE(buffer.Pop().has_value()); });
  buffer.Cancel();
  producer.join();
  consumer.join();
}

TEST(ReorderBufferTest, NoItemsAtAllIsAnEnd) {
  ReorderBuffer<int> buffer(10);
  buffer.SetEnd(0);
  EXPECT_FALSE(buffer.Pop().has_value());
}

}  // namespace
}  // namespace octoscale
